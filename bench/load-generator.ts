import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { githubPushBody } from '../test/rig/delivery-bodies.ts'
import { sendGithub } from '../test/rig/deliveries.ts'
import { Load } from './load.ts'
import type { LoadResult } from './load.ts'
import { percentile } from './statistics.ts'

// A process of its own: reads a load as JSON, sends it, prints what came of it. All requests are made and
// signed before the clock starts, and the client does no more than HTTP needs: it must not be what is measured.

const BODY_BYTES = 7 * 1024

const load = Load.parse(JSON.parse(await text(process.stdin)))
const target = new URL(load.url)
const warmUp = Array.from({ length: load.warmUp }, (_, position) => requestAt(position))
const measured = Array.from({ length: load.count }, (_, position) => requestAt(position))
const statuses: Record<string, number> = {}

const sockets = await Promise.all(Array.from({ length: load.connections }, open))
const openedAt = performance.now()
await sendAll(warmUp)
const startedAt = performance.now()
const latencies = await sendAll(measured)
const endedAt = performance.now()
for (const socket of sockets) socket.destroy()

const result: LoadResult = {
  perSecond: (1000 * load.count) / (endedAt - startedAt),
  seconds: (endedAt - openedAt) / 1000,
  endedAt: performance.timeOrigin + endedAt,
  p50: percentile(latencies, 50),
  p99: percentile(latencies, 99),
  max: percentile(latencies, 100),
  bodyBytes: pushAt(0).body?.length ?? 0,
  statuses,
}
process.stdout.write(JSON.stringify(result))

function pushAt(position: number) {
  const repository = load.repositories[position % load.repositories.length]
  if (repository === undefined) throw new Error('a load needs a repository')
  const sha = position.toString(16).padStart(40, '1')
  const push = { repository, ref: 'refs/heads/main', before: null, after: sha, secret: load.secret }
  const body = githubPushBody(push)
  const commit = body['head_commit']
  const missing = BODY_BYTES - JSON.stringify(body).length
  const further = Math.round(missing / JSON.stringify(commit).length)
  return sendGithub('push', push, { ...body, commits: Array.from({ length: 1 + further }, () => commit) })
}

function requestAt(position: number): Buffer {
  const { headers, body } = pushAt(position)
  const bytes = Buffer.from(body ?? '')
  const lines = [
    `POST ${target.pathname} HTTP/1.1`,
    `Host: ${target.host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${bytes.length}`,
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes])
}

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(target.port), target.hostname, () => resolve(socket))
    socket.setNoDelay(true)
    socket.once('error', reject)
  })
}

/** Every connection takes the next request as soon as it has an answer; resolves with all latencies. */
async function sendAll(requests: readonly Buffer[]): Promise<readonly number[]> {
  const latencies: number[] = []
  let next = 0
  await Promise.all(
    sockets.map(async (socket) => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        const sentAt = performance.now()
        const status = await exchange(socket, request)
        latencies.push(performance.now() - sentAt)
        statuses[status] = (statuses[status] ?? 0) + 1
      }
    }),
  )
  return latencies
}

function exchange(socket: Socket, request: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const settle = (finish: () => void): void => {
      socket.off('data', onData)
      socket.off('close', onClose)
      finish()
    }
    const onData = (chunk: Buffer): void => {
      received += chunk.toString('latin1')
      if (isWhole(received)) settle(() => resolve(received.slice(9, 12)))
    }
    const onClose = (): void => settle(() => reject(new Error('the connection was closed')))
    socket.on('data', onData)
    socket.on('close', onClose)
    socket.write(request)
  })
}

function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(answer) ?? []
  return length === undefined
    ? answer.endsWith('\r\n0\r\n\r\n')
    : answer.length >= headEnd + 4 + Number(length)
}
