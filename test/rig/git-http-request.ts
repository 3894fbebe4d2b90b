import type { IncomingMessage } from 'node:http'
import type { Fault, RecordedRequest, Service } from './git-http-server.ts'

/** What a client of a git server asks for. */
export function describe(request: IncomingMessage): RecordedRequest {
  const path = request.url ?? '/'
  const [, repository = '', rest = ''] =
    /^\/(.+?)\.git\/([^?]*)/.exec(decodeURIComponent(path)) ?? /^\/(.*)()$/.exec(path) ?? []
  return {
    method: request.method ?? 'GET',
    path,
    repository,
    service: rest === 'info/refs' ? 'info/refs' : serviceOf(rest),
    authorization: request.headers.authorization,
    userAgent: request.headers['user-agent'],
    protocol: header(request, 'git-protocol') || undefined,
    connection: request.socket.remotePort,
  }
}

function serviceOf(rest: string): Service | undefined {
  if (rest === 'git-upload-pack') return 'upload-pack'
  return rest === 'git-receive-pack' ? 'receive-pack' : undefined
}

export function header(request: IncomingMessage, name: string): string {
  const value = request.headers[name]
  return typeof value === 'string' ? value : ''
}

/** What is wrong with one service. */
export function faultAt(service: Service | undefined, fault: Fault = { kind: 'ok' }): Fault {
  if (fault.kind !== 'at') return fault
  return faultAt(service, fault.service === service ? fault.fault : { kind: 'ok' })
}
