import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import { isIPv6 } from 'node:net'
import type { HttpAccess } from './access.ts'
import type { RemoteUrl } from './refs.ts'

// Git takes a one-line web page for a repository without refs and is content. Whether a server that
// showed no refs is a git server at all is therefore asked once more, in our own words.

const ADVERTISEMENT = 'application/x-git-upload-pack-advertisement'
const LIMIT_MS = 20_000

/** Whether a git server answers at the URL; follows no redirect and goes to the checked addresses only. */
export function isGitServer(url: RemoteUrl, access: HttpAccess, signal: AbortSignal): Promise<boolean> {
  const target = new URL(`${url.replace(/\/$/, '')}/info/refs?service=git-upload-pack`)
  const request = target.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve) => {
    const sent = request(
      target,
      {
        agent: false,
        lookup: pinned(access.addresses),
        signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
        headers: {
          'user-agent': 'git/reposync',
          ...(access.authorization === undefined ? {} : { authorization: access.authorization }),
        },
      },
      (response) => {
        response.destroy()
        resolve(response.statusCode === 200 && response.headers['content-type'] === ADVERTISEMENT)
      },
    )
    sent.on('error', () => resolve(false))
    sent.end()
  })
}

function pinned(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
  return (host, options, callback) => {
    const [first] = entries
    if (first === undefined) return callback(new Error(`${host} has no address`), '', 0)
    if (options.all === true) return callback(null, entries)
    return callback(null, first.address, first.family)
  }
}
