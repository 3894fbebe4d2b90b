import type { AccessDeps } from './access.ts'
import { withAccess } from './access.ts'
import { parseEndpoint } from './host.ts'
import type { LimitDeps, Limits } from './limits.ts'
import { watchLimits } from './limits.ts'
import type { RefName, Sha } from './refs.ts'
import type { Remote } from './remote.ts'
import type { ProvenPack, Supply } from './wire/proven-pack.ts'
import { packBody, provePack } from './wire/proven-pack.ts'
import type { WireOptions, WireRepository } from './wire/smart-http.ts'
import { askAdvertisement, listWireRefs, sendUpdate } from './wire/smart-http.ts'
import type { Doubt, Wire } from './wire/wire.ts'
import { mistrust, requireVersion2, toDoubt } from './wire/wire.ts'
import { WireError } from './wire/wire-error.ts'

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

/** Whether a remote is reached in the way in which branches are relayed. */
export function speaksHttp({ url }: Remote): boolean {
  const scheme = parseEndpoint(url)?.scheme
  return scheme === 'http' || scheme === 'https'
}

/** Resolves to the doubt when git has to do it. After a doubt the target holds `before`, or what the source holds. */
export async function relayBranch(
  deps: RelayDeps,
  order: RelayOrder,
  { signal }: { readonly signal: AbortSignal },
): Promise<Relayed> {
  const { wire } = deps
  if (wire === undefined) return doubtful({ kind: 'off', detail: 'git does everything' })
  if (!speaksHttp(order.source) || !speaksHttp(order.target)) return NO_HTTP
  using limits = watchLimits(deps, 'the relay', signal)
  const { source, target } = order
  const outcome = await withAccess<{ readonly relayed: Relayed }>(
    deps,
    source,
    limits.signal,
    (from, fromHttp) =>
      withAccess(deps, target, limits.signal, async (to, toHttp) => {
        if (fromHttp === undefined || toHttp === undefined) return { ok: true, relayed: NO_HTTP }
        const ends = {
          source: { url: source.url, http: fromHttp },
          target: { url: target.url, http: toHttp },
        }
        const secrets = [...from.secrets, ...to.secrets]
        return { ok: true, relayed: await relayBetween(wire, order, ends, limits, secrets) }
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
    const doubt = mistrust(wire, ends[at])
    if (doubt !== undefined) return { ok: false, doubt, at }
  }
  const stop = new AbortController()
  const signal = AbortSignal.any([limits.signal, stop.signal])
  const options = { client: wire.client, signal, onProgress: limits.progress }
  let at: keyof Ends = 'source'
  const supply: Supply = { isAwaited: false, broken: undefined }
  try {
    const ready = warmUp(options, ends.target)
    const { after, pack } = await takeFromSource(wire, options, order, ends.source)
    const body = await packBody(pack, supply)
    await ready
    at = 'target'
    const update = { ref: order.targetRef, before: order.before, after }
    const report = await sendUpdate(options, ends.target, update, body)
    if (!report.isDone) throw new WireError('refused', report.reason)
    return { ok: true, after }
  } catch (error) {
    // A source that breaks off breaks the request to the target, and one that falls silent keeps it waiting.
    const isOfSource = supply.broken !== undefined || (supply.isAwaited && limits.stopped() !== undefined)
    const end = isOfSource ? 'source' : at
    const doubt = toDoubt(wire, supply.broken?.error ?? error, { url: ends[end].url, limits, secrets })
    return { ok: false, doubt, at: end }
  } finally {
    // Nothing that was asked for and is no longer needed goes on.
    stop.abort()
  }
}

async function takeFromSource(
  wire: Wire,
  options: WireOptions,
  { sourceRef, before, hint }: RelayOrder,
  source: WireRepository,
): Promise<{ readonly after: Sha; readonly pack: ProvenPack }> {
  await requireVersion2(wire, options, source)
  const early =
    hint === undefined || hint === before ? undefined : provePack(options, source, { after: hint, before })
  // It may be of no use, and then nobody waits for it.
  early?.catch(() => {})
  const after = await headOf(options, source, sourceRef)
  if (after === undefined || after === before) {
    throw new WireError('unmoved', `the source shows nothing new under ${sourceRef}`)
  }
  const isUseful = early !== undefined && after === hint
  return { after, pack: await (isUseful ? early : provePack(options, source, { after, before })) }
}

async function headOf(
  options: WireOptions,
  repository: WireRepository,
  ref: RefName,
): Promise<Sha | undefined> {
  let head: Sha | undefined
  await listWireRefs(options, repository, [ref], ({ name, sha }) => {
    if (name === ref) head = sha
  })
  return head
}

/** Opens a connection while the source is asked; whether it works shows in the call that uses it. */
async function warmUp(options: WireOptions, target: WireRepository): Promise<void> {
  if (options.client.isConnected(new URL(target.url))) return
  await askAdvertisement(options, target).catch(() => {})
}

function doubtful(doubt: Doubt): Relayed {
  return { ok: false, doubt, at: undefined }
}

const NO_HTTP = doubtful({ kind: 'no_http', detail: 'one side is reached in another way' })
