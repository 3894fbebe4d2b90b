import type { Side } from '../binding/binding.ts'
import { canHeal } from '../git/git-error.ts'
import type { GitErrorKind, GitOutcome } from '../git/git-error.ts'
import type { Http } from '../git/exchange.ts'
import { askLfs } from '../git/lfs-batch.ts'
import type { LfsAnswer } from '../git/lfs-batch.ts'
import type { LfsOperation } from '../git/lfs-endpoint.ts'
import type { LfsPointer } from '../git/lfs-pointers.ts'
import { downloadObject, uploadObject } from '../git/lfs-transfer.ts'
import type { SyncContext } from './context.ts'
import type { LfsStore } from './lfs-store.ts'
import { otherSide } from './sides.ts'
import type { SyncFailure } from './sync.ts'

/** What the objects of one sync are carried with. */
export type Carrier = {
  readonly context: SyncContext
  readonly http: Http
  readonly store: LfsStore
  readonly from: Side
}

/** What the servers said of one object. */
export type ObjectAnswers = { readonly download: LfsAnswer; readonly upload: LfsAnswer }

type Link = Extract<LfsAnswer, { readonly kind: 'link' }>

// A link can be older than it looks, and a connection can break; more tries are the business of the next run.
const TRIES = 2

/** Brings one object from the source to the target; resolves to why it could not be done. */
export async function carryObject(
  carrier: Carrier,
  object: LfsPointer,
  answers: ObjectAnswers,
): Promise<SyncFailure | undefined> {
  const { context, http, store, from } = carrier
  const { signal } = context
  const path = store.pathOf(object)
  if (answers.download.kind === 'refused') return { side: from, ...answers.download.failure }
  const room = await store.reserve(object)
  if (!room.ok) return { side: undefined, ...room.failure }
  using _ = room.place
  const fetched = await transfer(carrier, from, 'download', object, answers.download, ({ link }) =>
    downloadObject(http, link, object, path, signal),
  )
  if (fetched !== undefined) {
    if (!canHeal(fetched.kind) && fetched.kind !== 'canceled') await store.remove(object)
    return fetched
  }
  const to = otherSide(from)
  const brought = await transfer(carrier, to, 'upload', object, answers.upload, (links) =>
    uploadObject(http, links, object, path, signal),
  )
  if (brought === undefined || isFinal(brought.kind)) await store.remove(object)
  return brought
}

async function transfer(
  carrier: Carrier,
  side: Side,
  operation: LfsOperation,
  object: LfsPointer,
  given: LfsAnswer,
  move: (links: Link) => Promise<GitOutcome<object>>,
): Promise<SyncFailure | undefined> {
  const isOld = given.kind === 'link' && given.link.expiresAt <= carrier.context.deps.clock.now()
  let answer = isOld ? await askAnew(carrier, side, operation, object) : given
  for (let tries = 1; ; tries += 1) {
    if (answer.kind === 'held') return undefined
    if (answer.kind === 'refused') return { side, ...answer.failure }
    const moved = await move(answer)
    if (moved.ok) return undefined
    if (tries === TRIES || !mayHelpToTryAgain(moved.failure.kind)) return { side, ...moved.failure }
    answer = await askAnew(carrier, side, operation, object)
  }
}

async function askAnew(
  { context, http }: Carrier,
  side: Side,
  operation: LfsOperation,
  object: LfsPointer,
): Promise<LfsAnswer> {
  const { deps, request, signal } = context
  const asked = await askLfs(deps.git, http, request.remotes[side], operation, [object], signal)
  if (!asked.ok) return { kind: 'refused', failure: asked.failure }
  const unknown = { kind: 'lfs_unavailable', detail: 'the server says nothing of the object' } as const
  return asked.answers.get(object.oid) ?? { kind: 'refused', failure: unknown }
}

function mayHelpToTryAgain(kind: GitErrorKind): boolean {
  return [
    'unreachable',
    'stalled',
    'server_error',
    'auth',
    'forbidden',
    'lfs_missing',
    'bad_objects',
  ].includes(kind)
}

// The target will not take it however often it is offered.
function isFinal(kind: GitErrorKind): boolean {
  return kind === 'too_large' || kind === 'hook_declined'
}
