import type { PushResult, PushUpdate } from './push.ts'
import { rejected } from './push.ts'
import type { RefName } from './refs.ts'

// A server that declines a push as a whole, as a pre-receive hook does, may still take most of its refs.
//
// In:  refs that were declined together, and a way to push some of them.
// Out: verdicts on what was not pushed on its own. Everything else has arrived or was refused by itself.
// Refs that the server names are set aside. What it does not tell is found by halving, the larger parts before
// the smaller ones: refs of similar names tend to be refused together, and most of the others then pass in a
// few pushes. A server that keeps refusing is left alone.

export type Refusals = { readonly refused: ReadonlyMap<RefName, PushResult>; readonly messages: string }

export type PartAnswer =
  | { readonly kind: 'passed' }
  /** Some of it was refused for itself. */
  | { readonly kind: 'settled' }
  | { readonly kind: 'declined'; readonly by: Refusals }
  /** The push goes on no longer, or elsewhere. */
  | { readonly kind: 'over' }

export type PushPart = (part: readonly PushUpdate[]) => Promise<PartAnswer>

type Part = readonly PushUpdate[]
type Verdicts = ReadonlyMap<RefName, PushResult>

/** Refused pushes in a row: where one ref in forty is bad, a few dozen find the first part without one. */
const MOST_REFUSALS = 48
const MOST_PUSHES = 600
/** How often in a row a server may name one more ref that it does not like. */
const MOST_NAMINGS = 64
/** Named refs that were refused by themselves before the server is taken at its word. */
const PROOFS = 8

/** Resolves to the verdicts on what was not pushed by itself; none when the push is over. */
export async function pushSurvivors(declined: Part, by: Refusals, push: PushPart): Promise<Verdicts> {
  const patience = openPatience(push)
  const search: Search = { patience, tainted: [], named: [], said: new Map() }
  await settle(search, declined, by)
  for (;;) {
    const part = patience.isLeft() ? search.tainted.shift() : undefined
    if (part === undefined) break
    if (!(await settleHalves(search, part))) return new Map()
  }
  patience.renew()
  const { tainted, named, said } = search
  const believed = await checkNamed(named, patience)
  return new Map([
    ...tainted.flat().map(({ ref }) => [ref, untried(said.get(ref))] as const),
    ...believed.map(({ ref }) => [ref, said.get(ref) ?? untried(undefined)] as const),
  ])
}

type Search = {
  readonly patience: Patience
  /** Parts that hold at least one bad ref. */
  readonly tainted: Part[]
  /** Refs that the server has named as bad. */
  readonly named: PushUpdate[]
  /** What was said when a ref was last refused, with others or alone. */
  readonly said: Map<RefName, PushResult>
}

/** Pushes a part, and again without the refs that the server names; what stays refused is tainted. */
async function settle(search: Search, part: Part, known?: Refusals): Promise<PartAnswer['kind']> {
  const { patience, tainted, named, said } = search
  let open = part
  let by = known
  for (;;) {
    if (by === undefined && patience.isLeft()) {
      const answer = await patience.push(open)
      if (answer.kind !== 'declined') return answer.kind
      by = answer.by
    }
    const refusals = by
    if (refusals === undefined) break
    for (const [ref, result] of refusals.refused) said.set(ref, result)
    open = open.filter(({ ref }) => refusals.refused.has(ref))
    const accused = namedIn(refusals.messages, open)
    if (accused.size === 0 || accused.size === open.length || !patience.listens()) break
    named.push(...open.filter(({ ref }) => accused.has(ref)))
    open = open.filter(({ ref }) => !accused.has(ref))
    by = undefined
  }
  tainted.push(open)
  return 'declined'
}

/** Resolves to false when the push is over. */
async function settleHalves(search: Search, part: Part): Promise<boolean> {
  const middle = Math.ceil(part.length / 2)
  const right = part.slice(middle)
  const left = await settle(search, part.slice(0, middle))
  if (left === 'over') return false
  // Whatever spoils the whole is then in the other half. A single ref is asked about all the same.
  if (left === 'passed' && right.length > 1) {
    search.tainted.unshift(right)
    return true
  }
  const other = right.length === 0 ? 'settled' : await settle(search, right)
  // Where one half passed, there is more to be had in the other one than elsewhere.
  const half = left === 'declined' && other === 'passed' ? search.tainted.pop() : undefined
  if (half !== undefined) search.tainted.unshift(half)
  return other !== 'over'
}

/** Pushes the named refs one by one; resolves to those that were not pushed because the server is believed. */
async function checkNamed(named: Part, patience: Patience): Promise<Part> {
  let proofs = 0
  for (const [index, update] of named.entries()) {
    if (proofs >= PROOFS || !patience.isLeft()) return named.slice(index)
    const { kind } = await patience.push([update])
    if (kind === 'over') return []
    proofs = kind === 'passed' ? 0 : proofs + 1
  }
  return []
}

type Patience = {
  readonly push: PushPart
  /** Whether the server may be asked once more. */
  readonly isLeft: () => boolean
  /** Whether the server may name refs once more; then it was not asked in vain. */
  readonly listens: () => boolean
  readonly renew: () => void
}

function openPatience(push: PushPart): Patience {
  let pushes = 0
  let refusals = 0
  let namings = 0
  return {
    isLeft: () => refusals < MOST_REFUSALS && pushes < MOST_PUSHES,
    push: async (part) => {
      pushes += 1
      const answer = await push(part)
      refusals = answer.kind === 'passed' ? 0 : refusals + 1
      if (answer.kind === 'passed') namings = 0
      return answer
    },
    listens: () => {
      namings += 1
      if (namings > MOST_NAMINGS) return false
      refusals = 0
      return true
    },
    renew: () => {
      refusals = 0
    },
  }
}

function untried(said: PushResult | undefined): PushResult {
  const { kind, reason } = said ?? {}
  return rejected(kind ?? 'unknown', `not tried alone, as the server kept refusing: ${reason ?? ''}`)
}

/** The refs that the messages call by their full name. */
function namedIn(messages: string, part: Part): ReadonlySet<RefName> {
  const words = new Set(messages.split(/[\s'"`,;:()[\]<>]+/).map((word) => word.replace(/\.+$/, '')))
  return new Set(part.map(({ ref }) => ref).filter((ref) => words.has(ref)))
}
