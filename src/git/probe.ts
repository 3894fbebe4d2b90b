import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { HttpAccess } from './access.ts'
import type { RemoteUrl } from './refs.ts'
import { pinned } from './socket.ts'

// One request of our own, where git does not say enough. Git takes a one-line web page for a repository
// without refs and is content, and it does not tell where a redirect would have led.

export type ProbeAnswer =
  | { readonly kind: 'git' }
  | { readonly kind: 'other' }
  /** Without query and credentials. */
  | { readonly kind: 'redirect'; readonly target: string }
  | { readonly kind: 'unknown' }

const ADVERTISEMENT = 'application/x-git-upload-pack-advertisement'
const SUFFIX = '/info/refs'
const LIMIT_MS = 20_000

/** Asks who answers at the URL; follows no redirect and goes where git would go. Never rejects. */
export function probe(url: RemoteUrl, access: HttpAccess, signal: AbortSignal): Promise<ProbeAnswer> {
  const target = new URL(`${url.replace(/\/$/, '')}${SUFFIX}?service=git-upload-pack`)
  const ending = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)])
  return new Promise((resolve) => {
    const sent = (target.protocol === 'https:' ? requestHttps : requestHttp)(
      target,
      {
        agent: access.openAgent(target, ending),
        lookup: pinned(access.addresses),
        signal: ending,
        headers: {
          'user-agent': 'git/reposync',
          ...(access.authorization === undefined ? {} : { authorization: access.authorization }),
        },
      },
      (response) => {
        response.destroy()
        const { 'content-type': type = '', location = '' } = response.headers
        const status = response.statusCode ?? 0
        if (status >= 300 && status < 400) resolve(redirectTo(location, target))
        else resolve({ kind: status === 200 && type.startsWith(ADVERTISEMENT) ? 'git' : 'other' })
      },
    )
    sent.on('error', () => resolve({ kind: 'unknown' }))
    sent.end()
  })
}

function redirectTo(location: string, base: URL): ProbeAnswer {
  if (!URL.canParse(location, base.href)) return { kind: 'other' }
  const { origin, pathname } = new URL(location, base.href)
  const path = pathname.endsWith(SUFFIX) ? pathname.slice(0, -SUFFIX.length) : pathname
  return { kind: 'redirect', target: `${origin}${path}` }
}
