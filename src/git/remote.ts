import type { RemoteUrl } from './refs.ts'

/** What proves to a forge who is asking; it never enters an argument, a URL, a log or an error. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'ssh_key'; readonly privateKey: string }

export type Remote = {
  readonly url: RemoteUrl
  readonly credential: Credential | undefined
}
