import type { RefName, Sha } from '../git/refs.ts'

// Stage 2: the bytes of a webhook become changes.
//
// In:  the request exactly as received, and the secrets that may have signed it.
// Out: who sent it, whether the signature holds, and which refs it says have moved.
// An adapter never throws on any input, never does I/O and knows nothing of bindings.
// What a delivery says is a hint: later stages ask the forge before they act.

export const FORGE_NAMES = [
  'github',
  'gitlab',
  'gitea',
  'forgejo',
  'gogs',
  'gitlink',
  'gitee',
  'bitbucket',
  'bitbucket-server',
  'azure',
  'codeup',
  'coding',
  'generic',
] as const

export type ForgeName = (typeof FORGE_NAMES)[number]

export type WebhookRequest = {
  readonly method: 'GET' | 'POST'
  /** Lower-case header names. */
  readonly headers: ReadonlyMap<string, string>
  readonly query: URLSearchParams
  readonly body: Uint8Array
}

/** One ref that a delivery says has moved; a sha of zeros is null. */
export type Change = {
  readonly ref: RefName
  readonly before: Sha | null
  readonly after: Sha | null
  readonly created: boolean
  readonly deleted: boolean
  readonly forced: boolean
}

/** `all`: more has moved than the forge lists, so every ref may have. */
export type Changes = readonly Change[] | 'all'

export type ForgeRepository = {
  readonly fullName: string | null
  readonly cloneUrl: string | null
  readonly sshUrl: string | null
  readonly htmlUrl: string | null
  readonly defaultBranch: string | null
  /** Further addresses of the same repository. */
  readonly otherUrls: readonly string[]
}

/** What every readable delivery carries. */
export type Envelope = {
  /** The forge's own name of it; for GitLab the kind in the body, since the header of a system hook names none. */
  readonly event: string
  /** The forge's id of this delivery, 128 characters at most; null when it gives none that identifies it. */
  readonly deliveryId: string | null
  readonly repository: ForgeRepository | null
  readonly pusher: string | null
  /** The JSON text that was sent, also when it came in a form or a query; secrets are still in it. */
  readonly payload: string
}

export type ParsedDelivery =
  | (Envelope & { readonly kind: 'changes'; readonly changes: Changes })
  | (Envelope & { readonly kind: 'nothing'; readonly reason: 'ping' | 'test' | 'event' })
  | { readonly kind: 'malformed'; readonly problem: string }
  | { readonly kind: 'unsupported_type'; readonly contentType: string }

/** `none`: the request carries no signature; `invalid`: it carries one that no secret made. */
export type Signature = 'verified' | 'none' | 'invalid'

export type Forge = {
  readonly name: ForgeName
  /** Checks the received bytes in constant time; an empty list of secrets never verifies. */
  readonly verify: (request: WebhookRequest, secrets: readonly string[], now: number) => Promise<Signature>
  readonly parse: (request: WebhookRequest) => ParsedDelivery
}
