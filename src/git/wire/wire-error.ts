/** Why something cannot be done without git. */
export type WireErrorKind =
  /** Nobody answered, or the connection broke. */
  | 'unreachable'
  /** A status that is no success, a redirect among them. */
  | 'status'
  /** Nothing that git's protocol allows at this place, or an end too early. */
  | 'malformed'
  /** The server says in the words of the protocol that it will not. */
  | 'refused'
  /** The server speaks an older version of the protocol. */
  | 'old_version'
  /** Another kind of object names than the one we can read. */
  | 'object_format'
  /** The pack does not show that it moves the branch forward. */
  | 'not_proven'
  /** The source does not show anything new under the name. */
  | 'unmoved'

/** An answer that cannot be used. The message may hold words of a server: for people, never to be matched. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly kind: WireErrorKind

  constructor(kind: WireErrorKind, message: string) {
    super(message)
    this.kind = kind
  }
}

export function malformed(message: string): WireError {
  return new WireError('malformed', message)
}
