import type { ServerResponse } from 'node:http'

/** Begins an HTTP answer as the head of a CGI program's output says. */
export function writeCgiHead(response: ServerResponse, head: Buffer): void {
  const headers = new Map(
    head
      .toString('latin1')
      .split('\r\n')
      .map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
  )
  const status = Number.parseInt(headers.get('status') ?? '200', 10)
  headers.delete('status')
  response.writeHead(status, Object.fromEntries(headers))
}
