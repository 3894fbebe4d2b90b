import { bindingSubject } from '../binding/binding.ts'
import { branchesOf } from '../binding/branches.ts'
import { matchMany } from '../binding/match.ts'
import type { Executor } from '../db/database.ts'
import type { Change, ForgeRepository, ParsedDelivery } from '../forge/forge.ts'
import { toRefName, toSha } from '../git/refs.ts'
import type { RefName } from '../git/refs.ts'
import { decide } from './decide.ts'
import type { Decision, Knowledge, Match } from './decide.ts'

// What the database knows that decides about a delivery: the bindings of its repository, what their sides
// agreed on, and whether a run is open. Read for a whole group of deliveries at once.

export type ReadableDelivery = Extract<ParsedDelivery, { readonly kind: 'changes' | 'nothing' }>

/** One decision per delivery, each with what the database knows now. */
export async function decideAll(
  trx: Executor,
  arrivals: readonly { readonly parsed: ReadableDelivery }[],
): Promise<readonly Decision[]> {
  const lists = arrivals.map(({ parsed }) =>
    parsed.kind === 'changes' ? repositoryAddresses(parsed.repository) : [],
  )
  const matches = await matchMany(trx, lists)
  const changes = arrivals.flatMap(({ parsed }) => (parsed.kind === 'changes' ? parsed.changes : []))
  const knowledge = await readKnowledge(trx, matches.flat(), changes)
  return arrivals.map(({ parsed }, position) =>
    parsed.kind === 'nothing'
      ? { bindings: [], requests: [], reason: parsed.reason }
      : decide(parsed.changes, matches[position] ?? [], knowledge),
  )
}

/** The decision for changes that were stored earlier; a replay skips nothing as already done. */
export async function decideAgain(
  trx: Executor,
  changes: readonly Change[],
  repository: ForgeRepository | null,
): Promise<Decision> {
  const [matches = []] = await matchMany(trx, [repositoryAddresses(repository)])
  const knowledge = await readKnowledge(trx, matches, changes)
  return decide(
    changes.map((change) => ({ ...change, after: null })),
    matches,
    knowledge,
  )
}

function repositoryAddresses(repository: ForgeRepository | null): readonly string[] {
  if (repository === null) return []
  const { cloneUrl, sshUrl, htmlUrl } = repository
  return [cloneUrl, sshUrl, htmlUrl].filter((address) => address !== null)
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
  for (const { internalBranch } of branches) {
    const ref = toRefName(`refs/heads/${internalBranch}`)
    if (ref !== undefined) refs.add(ref)
  }
  const agreedRows = await trx
    .selectFrom('agreed_ref')
    .select(['subject', 'ref', 'sha'])
    .where('subject', 'in', subjects)
    .where('ref', 'in', [...refs])
    .execute()
  const agreed = new Map(agreedRows.map((row) => [`${row.subject} ${row.ref}`, toSha(row.sha)]))
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
