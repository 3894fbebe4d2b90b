import { spawn } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Certificate } from './certificate.ts'
import { createFolder } from './repository.ts'
import { freePort } from './free-port.ts'

// A real nginx in front of a server, as forges have one: HTTP/1.1 to both sides, TLS, gzip, buffering.
//
//   await using proxy = await startNginx({ upstream: server.origin, certificate })
//   await proxy.log()                     // one line per request: see LOG_FORMAT

export type Nginx = AsyncDisposable & {
  readonly port: number
  /** What was asked so far, oldest first. */
  readonly log: () => Promise<readonly NginxRequest[]>
}

export type NginxRequest = {
  readonly connection: number
  readonly status: number
  readonly path: string
  /** How the answer was packed; empty: not at all. */
  readonly encoding: string
}

const LOG_FORMAT = '$connection $status $request_uri "$sent_http_content_encoding"'

export async function startNginx(options: {
  readonly upstream: string
  readonly certificate: Certificate
  /** Larger pushes are answered with 413. */
  readonly maxBody?: string
}): Promise<Nginx> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder()).path
  const port = await freePort()
  await writeFile(join(folder, 'cert.pem'), options.certificate.cert)
  await writeFile(join(folder, 'key.pem'), options.certificate.key)
  await mkdir(join(folder, 'temp'))
  await writeFile(join(folder, 'nginx.conf'), configuration(port, options.upstream, options.maxBody ?? '0'))
  const child = spawn('/usr/sbin/nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'], {
    stdio: 'ignore',
  })
  // A test that ran out of time disposes of nothing, and vitest ends its process by SIGTERM.
  const endWithTest = (): void => void child.kill('SIGKILL')
  for (const end of ['exit', 'SIGTERM']) process.once(end, endWithTest)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  stack.defer(async () => {
    if (child.exitCode === null) child.kill('SIGTERM')
    await exited
    for (const end of ['exit', 'SIGTERM']) process.off(end, endWithTest)
  })
  await untilListening(port, folder, () => child.exitCode !== null)
  const owned = stack.move()
  return {
    port,
    log: async () => {
      const text = await readFile(join(folder, 'access.log'), 'utf8')
      return text.trim().split('\n').map(parseLine)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function configuration(port: number, upstream: string, maxBody: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `daemon off;
worker_processes 1; user root;
pid nginx.pid;
events {}
http {
  ${temporary.map((kind) => `${kind}_temp_path temp/${kind};`).join('\n  ')}
  log_format seen '${LOG_FORMAT}';
  access_log access.log seen;
  gzip on;
  gzip_types *;
  gzip_min_length 1;
  gzip_proxied any;
  client_max_body_size ${maxBody};
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    location / {
      proxy_pass ${upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`
}

function parseLine(line: string): NginxRequest {
  const [, connection, status, path = '', encoding = ''] = /^(\d+) (\d+) (\S+) "(.*)"$/.exec(line) ?? []
  return {
    connection: Number(connection),
    status: Number(status),
    path,
    encoding: encoding === '-' ? '' : encoding,
  }
}

async function untilListening(port: number, folder: string, hasEnded: () => boolean): Promise<void> {
  for (;;) {
    if (await accepts(port)) return
    if (hasEnded())
      throw new Error(await readFile(join(folder, 'error.log'), 'utf8').catch(() => 'nginx ended'))
    await pause(20)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
