import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runGit } from '../../src/git/git.ts'
import type { GitErrorKind } from '../../src/git/git-error.ts'
import { listRefs } from '../../src/git/remote.ts'
import { createCertificate } from '../rig/certificate.ts'
import { openTestGit } from '../rig/git-room.ts'
import { createFolder, remoteUrl } from '../rig/repository.ts'

const { signal } = new AbortController()
const HOST = 'git.example.com'

type Listening = AsyncDisposable & { readonly port: number }

/** A server on loopback that ends with all its connections. */
async function listen(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => void sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (!isAddress(address)) throw new Error('the server has no port')
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function isAddress(address: string | AddressInfo | null): address is AddressInfo {
  return address !== null && typeof address !== 'string'
}

/** Hangs up as soon as somebody has said something. */
const hangingUp = (): Server =>
  createServer((socket) => socket.on('error', () => {}).once('data', () => socket.destroy()))
/** Says something that nobody expects. */
const babbling = (): Server =>
  createServer((socket) => void socket.on('error', () => {}).end('220 mail.example.com ESMTP\r\n'))
const http = (): Server => createHttpServer((_, response) => response.writeHead(200).end('hello'))
const https = (): Server => createHttpsServer(createCertificate(HOST), (_, response) => response.end('hello'))

const SERVERS: readonly (readonly [string, () => Server, string, GitErrorKind])[] = [
  ['a certificate that nobody vouches for', https, `https://${HOST}`, 'tls'],
  ['plain HTTP where TLS is expected', http, `https://${HOST}`, 'tls'],
  ['a connection that ends within the TLS handshake', hangingUp, `https://${HOST}`, 'unreachable'],
  ['a connection that ends without an HTTP answer', hangingUp, `http://${HOST}`, 'unreachable'],
  ['a mail server where HTTP is expected', babbling, `http://${HOST}`, 'not_git'],
  ['TLS where plain HTTP is expected', https, `http://${HOST}`, 'unreachable'],
  ['a connection that ends within the SSH handshake', hangingUp, `ssh://git@${HOST}`, 'unreachable'],
  ['a mail server where SSH is expected', babbling, `ssh://git@${HOST}`, 'unreachable'],
]

test.each(SERVERS)('%s is told apart', async (_, create, origin, kind) => {
  await using folder = await createFolder()
  await using server = await listen(create())
  await using room = await openTestGit(folder.path, { lookup: () => Promise.resolve(['127.0.0.1']) })

  const url = remoteUrl(`${origin}:${server.port}/team/app.git`)
  const listed = await listRefs(room.git, { url, credential: undefined }, { signal })

  expect(listed).toMatchObject({ ok: false, failure: { kind } })
})

test('a trusted certificate of another host is a matter of TLS', async () => {
  await using folder = await createFolder()
  const certificate = createCertificate(HOST)
  const authority = join(folder.path, 'authority.pem')
  await writeFile(authority, certificate.cert)
  await using server = await listen(createHttpsServer(certificate, (_, response) => response.end('hello')))
  await using room = await openTestGit(folder.path)

  const kindAt = async (host: string): Promise<string> => {
    const url = `https://${host}:${server.port}/team/app.git`
    const result = await runGit(room.git, {
      operation: 'ls-remote',
      args: ['ls-remote', '--', url],
      access: {
        protocol: 'https',
        settings: [
          ['http.curloptResolve', `${host}:${server.port}:127.0.0.1`],
          ['http.sslCAInfo', authority],
        ],
        variables: {},
        secrets: [],
      },
      signal,
    })
    return result.kind === 'exited' && result.exitCode === 0 ? 'reached' : result.failure.kind
  }
  const own = await kindAt(HOST)
  const foreign = await kindAt('other.example.com')

  expect([own, foreign]).toEqual(['reached', 'tls'])
})

const PROXIES: readonly (readonly [string, () => Server, string, GitErrorKind])[] = [
  ['that wants a login, for HTTPS', () => refusing(407), 'https', 'proxy'],
  ['that wants a login, for HTTP', () => refusing(407), 'http', 'proxy'],
  ['that does not let the host pass', () => refusing(403), 'https', 'proxy'],
  ['that cannot reach the host', () => refusing(502), 'https', 'proxy'],
]

function refusing(status: number): Server {
  return createHttpServer((_, response) => response.writeHead(status).end()).on('connect', (_, socket) => {
    socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`)
  })
}

test.each(PROXIES)('a proxy %s is blamed itself', async (_, create, protocol, kind) => {
  await using folder = await createFolder()
  await using proxy = await listen(create())
  await using room = await openTestGit(folder.path)

  const throughProxy = await runGit(room.git, {
    operation: 'ls-remote',
    args: ['ls-remote', '--', `${protocol}://${HOST}/team/app.git`],
    access: {
      protocol: protocol === 'https' ? 'https' : 'http',
      settings: [['http.proxy', `http://127.0.0.1:${proxy.port}`]],
      variables: {},
      secrets: [],
    },
    signal,
  })

  expect(throughProxy.failure.kind).toBe(kind)
})
