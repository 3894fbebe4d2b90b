/** A sentence for people, in both languages the product speaks. */
export type Text = { readonly zh: string; readonly en: string }

/** Both languages in one line, for fields that are plain text. */
export function bothLanguages({ zh, en }: Text): string {
  return `${zh} / ${en}`
}

/** What went wrong, in the words of the domain; each edge maps the kind to its own codes. */
export type DomainErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'already_exists'
  | 'disabled'
  | 'conflict'
  | 'too_many'
  | 'unavailable'

/** The one word that names the failure exactly, e.g. `binding_exists`. */
export type DomainErrorReason = string

/** A request that cannot be fulfilled as asked; thrown by verbs, answered by routes, never a bug. */
export class DomainError extends Error {
  override readonly name = 'DomainError'
  readonly kind: DomainErrorKind
  readonly reason: DomainErrorReason
  readonly detail: Text
  readonly hint: Text | undefined

  constructor(
    kind: DomainErrorKind,
    reason: DomainErrorReason,
    detail: Text,
    options: { readonly hint?: Text; readonly cause?: unknown } = {},
  ) {
    super(`${reason}: ${detail.en}`, { cause: options.cause })
    this.kind = kind
    this.reason = reason
    this.detail = detail
    this.hint = options.hint
  }
}

/** A failure as one line: what was being done, and why it did not work. */
export function explain(error: unknown): string {
  const parts: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) parts.push(cause.message)
  return parts.length === 0 ? String(error) : parts.join(': ')
}
