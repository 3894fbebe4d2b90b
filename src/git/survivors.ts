import type { PushResult, PushUpdate } from './push.ts'
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

export async function pushSurvivors(declined: Part, by: Refusals, push: PushPart): Promise<Verdicts> {
  const tainted: Part[] = []
  const named: PushUpdate[] = []
  const said = new Map<RefName, PushResult>()
  const patience = { pushes: 0, refusals: 0, namings: 0 }
  const mayPush = (): boolean => patience.refusals < MOST_REFUSALS && patience.pushes < MOST_PUSHES

  const ask = async (part: Part): Promise<PartAnswer> => {
    patience.pushes += 1
    const answer = await push(part)
    if (answer.kind === 'passed') Object.assign(patience, { refusals: 0, namings: 0 })
    else patience.refusals += 1
    return answer
  }

  /** Pushes a part, again without the refs that the server names, and notes it as tainted when it is. */
  const settle = async (part: Part, known?: Refusals): Promise<PartAnswer['kind']> => {
    let open = part
    let refusals = known
    for (;;) {
      if (refusals === undefined) {
        if (!mayPush()) break
        const answer = await ask(open)
        if (answer.kind !== 'declined') return answer.kind
        refusals = answer.by
      }
      const { refused, messages } = refusals
      for (const [ref, result] of refused) said.set(ref, result)
      open = open.filter(({ ref }) => refused.has(ref))
      const accused = namedIn(messages, open)
      if (accused.size === 0 || accused.size === open.length || patience.namings >= MOST_NAMINGS) break
      patience.namings += 1
      patience.refusals = 0
      named.push(...open.filter(({ ref }) => accused.has(ref)))
      open = open.filter(({ ref }) => !accused.has(ref))
      refusals = undefined
    }
    tainted.push(open)
    return 'declined'
  }

  await settle(declined, by)
  while (mayPush()) {
    const part = tainted.shift()
    if (part === undefined) break
    const middle = Math.ceil(part.length / 2)
    const right = part.slice(middle)
    const left = await settle(part.slice(0, middle))
    if (left === 'over') return new Map()
    if (left === 'passed' && right.length > 1) {
      // Whatever spoils the whole is in this half. A single ref is asked about all the same.
      tainted.unshift(right)
      continue
    }
    const other = right.length > 0 ? await settle(right) : 'settled'
    if (other === 'over') return new Map()
    // Where one half passed, the other one is not all bad either.
    const half = left === 'declined' && other === 'passed' ? tainted.pop() : undefined
    if (half !== undefined) tainted.unshift(half)
  }
  patience.refusals = 0
  const unproven = await checkNamed(named, ask, mayPush)
  const open = new Set([...tainted.flat(), ...unproven].map(({ ref }) => ref))
  return new Map([...said].filter(([ref]) => open.has(ref)))
}

/** Pushes the named refs one by one; resolves to those that were not pushed because the names prove right. */
async function checkNamed(
  named: Part,
  ask: (part: Part) => Promise<PartAnswer>,
  mayPush: () => boolean,
): Promise<Part> {
  let proofs = 0
  for (const [index, update] of named.entries()) {
    if (proofs >= PROOFS || !mayPush()) return named.slice(index)
    const { kind } = await ask([update])
    if (kind === 'over') return named.slice(index)
    proofs = kind === 'passed' ? 0 : proofs + 1
  }
  return []
}

/** The refs that the messages call by their full name. */
function namedIn(messages: string, part: Part): ReadonlySet<RefName> {
  const words = new Set(messages.split(/[\s'"`,;:()[\]<>]+/).map((word) => word.replace(/\.+$/, '')))
  return new Set(part.map(({ ref }) => ref).filter((ref) => words.has(ref)))
}
