import type { AccessDeps } from './access.ts'
import { withAccess } from './access.ts'
import { parseEndpoint } from './host.ts'
import type { LimitDeps, Limits } from './limits.ts'
import { watchLimits } from './limits.ts'
import type { RefName, RemoteUrl, Sha } from './refs.ts'
import type { Remote } from './remote.ts'
import type { Reached } from './wire/open-repository.ts'
import { openRepository } from './wire/open-repository.ts'
import type { ProvenPack, Supply } from './wire/proven-pack.ts'
import { packBody, provePack } from './wire/proven-pack.ts'
import type { Doubt, Wire } from './wire/wire.ts'
import { mistrust, requireVersion2, toDoubt } from './wire/wire.ts'
import { WireError } from './wire/wire-error.ts'
import type { WireRepository } from './wire/wire-repository.ts'

// Moves one branch forward at a target by passing the source's pack through: no git process, two round trips.
//
// Three things must be certain before the target sees a byte: the source holds the commit under this name now,
// the commit descends from what both sides had, and that is all the update may replace. The first is asked, the
// second is proven by the pack itself, the third is compared by the target. Anything else is a doubt, and the
// target gets no complete pack.

export type RelayOrder = {
  readonly source: Remote
  readonly target: Remote
  readonly sourceRef: RefName
  readonly targetRef: RefName
  /** What both sides had when they last were equal. */
  readonly before: Sha
  /** What somebody said the source holds now. It saves a round trip when it is true, and nothing else. */
  readonly hint: Sha | undefined
}

export type Relayed =
  | { readonly ok: true; readonly after: Sha }
  | { readonly ok: false; readonly doubt: Doubt; readonly at: 'source' | 'target' | undefined }

type RelayDeps = LimitDeps & AccessDeps & { readonly wire: Wire | undefined }

/** Whether a remote is on a server, and not a folder of this machine. */
export function isOnServer({ url }: Remote): boolean {
  const scheme = parseEndpoint(url)?.scheme
  return scheme !== undefined && scheme !== 'file'
}

/** Resolves to the doubt when git has to do it. After a doubt the target holds `before`, or what the source holds. */
export async function relayBranch(
  deps: RelayDeps,
  order: RelayOrder,
  { signal }: { readonly signal: AbortSignal },
): Promise<Relayed> {
  const { wire } = deps
  if (wire === undefined) return doubtful({ kind: 'off', detail: 'git does everything' })
  if (!isOnServer(order.source) || !isOnServer(order.target)) return NO_SERVER
  const runtimeDir = await deps.runtimeDir().catch(() => undefined)
  if (runtimeDir === undefined) return doubtful({ kind: 'unreachable', detail: 'there is no private folder' })
  using limits = watchLimits(deps, 'the relay', signal)
  const watch = { signal: limits.signal, onProgress: limits.progress }
  const reach = (url: RemoteUrl, reached: Reached): WireRepository | undefined =>
    openRepository({ wire, runtimeDir }, url, reached, watch)
  const { source, target } = order
  const outcome = await withAccess<{ readonly relayed: Relayed }>(
    deps,
    source,
    limits.signal,
    (from, fromHttp) =>
      withAccess(deps, target, limits.signal, async (to, toHttp) => {
        await using here = reach(source.url, { access: from, http: fromHttp })
        await using there = reach(target.url, { access: to, http: toHttp })
        if (here === undefined || there === undefined) return { ok: true, relayed: NO_SERVER }
        const secrets = [...from.secrets, ...to.secrets]
        const relayed = await relayBetween(wire, order, { source: here, target: there }, limits, secrets)
        return { ok: true, relayed }
      }),
  )
  if (outcome.ok) return outcome.relayed
  const { kind, detail } = outcome.failure
  return doubtful({ kind: kind === 'canceled' ? 'canceled' : 'unreachable', detail })
}

type Ends = { readonly source: WireRepository; readonly target: WireRepository }

async function relayBetween(
  wire: Wire,
  order: RelayOrder,
  ends: Ends,
  limits: Limits,
  secrets: readonly string[],
): Promise<Relayed> {
  for (const at of ['source', 'target'] as const) {
    const doubt = mistrust(wire, ends[at], at === 'source' ? 'reads' : 'writes')
    if (doubt !== undefined) return { ok: false, doubt, at }
  }
  let at: keyof Ends = 'source'
  const supply: Supply = { isAwaited: false, broken: undefined }
  try {
    const ready = ends.target.prepareUpdate()
    const { after, pack } = await takeFromSource(wire, order, ends.source)
    const body = await packBody(pack, supply)
    await ready
    at = 'target'
    const update = { ref: order.targetRef, before: order.before, after }
    const report = await ends.target.sendUpdate(update, body)
    if (!report.isDone) throw new WireError('refused', report.reason)
    return { ok: true, after }
  } catch (error) {
    // A source that breaks off breaks the request to the target, and one that falls silent keeps it waiting.
    const isOfSource = supply.broken !== undefined || (supply.isAwaited && limits.stopped() !== undefined)
    const end = isOfSource ? 'source' : at
    const doubt = toDoubt(wire, supply.broken?.error ?? error, { url: ends[end].url, limits, secrets })
    return { ok: false, doubt, at: end }
  }
}

async function takeFromSource(
  wire: Wire,
  { sourceRef, before, hint }: RelayOrder,
  source: WireRepository,
): Promise<{ readonly after: Sha; readonly pack: ProvenPack }> {
  await requireVersion2(wire, source)
  // Both at once; the answer that may be long comes last.
  const asked = headOf(source, sourceRef)
  const early = hint === undefined || hint === before ? undefined : provePack(source, { after: hint, before })
  // It may be of no use, and then nobody waits for it.
  early?.catch(() => {})
  const after = await asked
  if (after === undefined || after === before) {
    throw new WireError('unmoved', `the source shows nothing new under ${sourceRef}`)
  }
  const isUseful = early !== undefined && after === hint
  return { after, pack: await (isUseful ? early : provePack(source, { after, before })) }
}

async function headOf({ listRefs }: WireRepository, ref: RefName): Promise<Sha | undefined> {
  let head: Sha | undefined
  await listRefs([ref], ({ name, sha }) => {
    if (name === ref) head = sha
  })
  return head
}

function doubtful(doubt: Doubt): Relayed {
  return { ok: false, doubt, at: undefined }
}

const NO_SERVER = doubtful({ kind: 'no_server', detail: 'one side is on no server' })
