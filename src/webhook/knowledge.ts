import { bindingSubject } from '../binding/binding.ts'
import { branchesOf } from '../binding/branches.ts'
import { matchMany } from '../binding/match.ts'
import { placeRef } from '../binding/rules.ts'
import type { Executor } from '../db/database.ts'
import type { Change, Changes, ForgeRepository, ParsedDelivery } from '../forge/forge.ts'
import { toRefName, toSha } from '../git/refs.ts'
import { hooksOf } from '../hook/endpoint.ts'
import type { HookId } from '../ids.ts'
import type { RefName, Sha } from '../git/refs.ts'
import { decide } from './decide.ts'
import type { Decision, Knowledge, Match } from './decide.ts'

// What the database knows that decides about a delivery: the bindings of its repository, what their sides
// agreed on, and whether a run is open. Read for a whole group of deliveries at once.

export type ReadableDelivery = Extract<ParsedDelivery, { readonly kind: 'changes' | 'nothing' }>

/** One decision per delivery, each with what the database knows now. */
export async function decideAll(
  trx: Executor,
  arrivals: readonly {
    readonly forge: string
    readonly parsed: ReadableDelivery
    readonly hook: HookId | null
  }[],
): Promise<readonly Decision[]> {
  const matches = await matchRepositories(
    trx,
    arrivals.map(({ forge, hook, parsed }) => ({
      forge,
      hook,
      repository: parsed.kind === 'changes' ? parsed.repository : null,
    })),
  )
  const changes = arrivals.flatMap(({ parsed }) => (parsed.kind === 'changes' ? listed(parsed.changes) : []))
  const knowledge = await readKnowledge(
    trx,
    matches.flatMap(({ permitted }) => permitted),
    changes,
  )
  return arrivals.map(({ parsed }, position) =>
    parsed.kind === 'nothing'
      ? { bindings: [], requests: [], reason: parsed.reason }
      : decideFor(parsed.changes, matches[position] ?? NO_MATCH, knowledge),
  )
}

/** The decision for changes that were stored earlier; a replay skips nothing as already done. */
export async function decideAgain(
  trx: Executor,
  { changes, ...delivery }: StoredDelivery,
): Promise<Decision> {
  const [matched = NO_MATCH] = await matchRepositories(trx, [delivery])
  const knowledge = await readKnowledge(trx, matched.permitted, listed(changes))
  return decideFor(
    changes === 'all' ? changes : changes.map((change) => ({ ...change, after: null })),
    matched,
    knowledge,
  )
}

function decideFor(changes: Changes, { permitted, withheld }: Matched, knowledge: Knowledge): Decision {
  if (changes.length === 0 || permitted.length > 0 || withheld.length === 0) {
    return decide(changes, permitted, knowledge)
  }
  return { bindings: withheld.map(({ binding }) => binding.name), requests: [], reason: 'own_hook' }
}

function listed(changes: Changes): readonly Change[] {
  return changes === 'all' ? [] : changes
}

type SentRepository = {
  readonly forge: string
  readonly repository: ForgeRepository | null
  readonly hook: HookId | null
}
type StoredDelivery = SentRepository & { readonly changes: Changes }

type Matched = {
  readonly permitted: readonly Match[]
  /** Sides that only their own hook may speak for, and this delivery came to an address that all share. */
  readonly withheld: readonly Match[]
}
const NO_MATCH: Matched = { permitted: [], withheld: [] }

/** The bindings of each repository. Forges fold case; behind `generic` may be a plain git server, which does not. */
async function matchRepositories(
  trx: Executor,
  sent: readonly SentRepository[],
): Promise<readonly Matched[]> {
  const lists = (isWanted: (forge: string) => boolean) =>
    sent.map(({ forge, repository }) => (isWanted(forge) ? repositoryAddresses(repository) : []))
  const folded = await matchMany(
    trx,
    lists((forge) => forge !== 'generic'),
  )
  const exact = await matchMany(
    trx,
    lists((forge) => forge === 'generic'),
    { foldCase: false },
  )
  const matches = sent.map((_, position) => [...(folded[position] ?? []), ...(exact[position] ?? [])])
  const hookOf = await hooksOf(trx, [...new Set(matches.flat().map(({ binding }) => binding.id))])
  return sent.map(({ hook }, position) => {
    const all = matches[position] ?? []
    const owned = all.map((match) => ({ match, own: hookOf(match.binding.id, match.side) }))
    // A hook speaks for its own side only: its secret says nothing about another repository.
    if (hook !== null) {
      return { permitted: owned.flatMap(({ match, own }) => (own?.id === hook ? [match] : [])), withheld: [] }
    }
    // A hook from before the binding got another address brings nothing of the new repository.
    const { permitted = [], withheld = [] } = Object.groupBy(owned, ({ match: { binding, side }, own }) =>
      own?.registeredFor === binding[side].address ? 'withheld' : 'permitted',
    )
    return {
      permitted: permitted.map(({ match }) => match),
      withheld: withheld.map(({ match }) => match),
    }
  })
}

function repositoryAddresses(repository: ForgeRepository | null): readonly string[] {
  if (repository === null) return []
  const { cloneUrl, sshUrl, htmlUrl, otherUrls } = repository
  return [cloneUrl, sshUrl, htmlUrl, ...otherUrls].filter((address) => address !== null)
}

async function readKnowledge(
  trx: Executor,
  matches: readonly Match[],
  changes: readonly Change[],
): Promise<Knowledge> {
  const bindings = new Map(matches.map(({ binding }) => [binding.id, binding]))
  if (bindings.size === 0) return { branches: [], agreed: () => undefined, isBusy: () => false }
  const subjects = [...bindings.keys()].map(bindingSubject)
  const branchwise = [...bindings.values()].filter(({ granularity }) => granularity === 'one')
  const branches = await branchesOf(
    trx,
    branchwise.map(({ id }) => id),
  )
  const refs = new Set<RefName>(changes.map(({ ref }) => ref))
  // What was agreed is kept under the internal name, which rules may have made another one.
  for (const { binding, side } of matches) {
    if (binding.rules.rename.length === 0) continue
    for (const { ref } of changes) {
      const placed = placeRef(binding.rules, side, ref)
      if (typeof placed !== 'string') refs.add(placed.internal)
    }
  }
  for (const { internalBranch } of branches) {
    const ref = toRefName(`refs/heads/${internalBranch}`)
    if (ref !== undefined) refs.add(ref)
  }
  const agreed = await readAgreed(trx, subjects, [...refs])
  const busyRows = await trx
    .selectFrom('run')
    .select('subject')
    .where('subject', 'in', subjects)
    .where('status', 'in', ['queued', 'running'])
    .execute()
  const busy = new Set(busyRows.map((row) => row.subject))
  return {
    branches,
    agreed: (subject, ref) => agreed.get(`${subject} ${ref}`),
    isBusy: (subject) => busy.has(subject),
  }
}

async function readAgreed(
  trx: Executor,
  subjects: readonly string[],
  refs: readonly RefName[],
): Promise<ReadonlyMap<string, Sha | undefined>> {
  if (refs.length === 0) return new Map()
  const rows = await trx
    .selectFrom('agreed_ref')
    .select(['subject', 'ref', 'sha'])
    .where('subject', 'in', subjects)
    .where('ref', 'in', refs)
    .execute()
  return new Map(rows.map((row) => [`${row.subject} ${row.ref}`, toSha(row.sha)]))
}
