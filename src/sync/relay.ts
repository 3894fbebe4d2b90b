import { bothLanguages } from '../domain-error.ts'
import type { Text } from '../domain-error.ts'
import { isBranchRef } from '../git/refs.ts'
import type { RelayOrder } from '../git/relay.ts'
import { isOnServer, relayBranch } from '../git/relay.ts'
import type { Doubt } from '../git/wire/wire.ts'
import type { Side } from '../binding/binding.ts'
import type { RefPair } from '../binding/rules.ts'
import type { SyncContext } from './context.ts'
import { hotPathOf } from './hot-path.ts'
import { narrateWay } from './narrate.ts'
import { NOTHING_SETTLED } from './outcome.ts'
import type { Settled } from './outcome.ts'
import { isForced } from './plan.ts'
import { otherSide, wayFrom } from './sides.ts'
import type { SyncRequest } from './sync.ts'

// The path of the common push: one branch, moved forward from a head that both sides share. The source's pack is
// passed through to the target, and the mirror has no part in it: afterwards it may lag behind both sides.
//
// In:  any request. Out: what is settled, or nothing, and then the other paths begin as if nobody had tried.
// It never decides that something is wrong. A refusal, a conflict, a fault: all of that is left to git.

/** Settles the request when the relay can carry it; undefined when git has to. The log says why. */
export async function relay(context: SyncContext): Promise<Settled | undefined> {
  const { deps, request, signal, log } = context
  if (deps.git.wire === undefined) return undefined
  const plan = planRelay(request)
  if (typeof plan === 'string') {
    log('INFO', `${BY_GIT}${bothLanguages(WHY[plan])}`)
    return undefined
  }
  const { pair, from, order } = plan
  const relayed = await context.timed('relay', () => relayBranch(deps.git, order, { signal }))
  if (!relayed.ok) {
    const { kind, detail } = relayed.doubt
    const at = relayed.at === undefined ? '' : ` (${relayed.at === 'source' ? from : otherSide(from)})`
    const why = `${BY_GIT}${bothLanguages(WHY[kind])}${at}`
    log('INFO', TOLD_EXACTLY.has(kind) ? `${why}: ${detail}` : why, why)
    return undefined
  }
  const direction = wayFrom(from)
  narrateWay(log, direction, [pair[otherSide(from)]])
  log('INFO', '直接转发，未启动 git / relayed without git')
  const { before } = order
  const outcome = { pair, direction, before, after: relayed.after, kind: null, reason: null }
  return { ...NOTHING_SETTLED, refs: [{ ...outcome, result: 'updated' }] }
}

type RelayPlan = { readonly pair: RefPair; readonly from: Side; readonly order: RelayOrder }

type NotRelayed =
  'no_server' | 'lfs' | 'decided' | 'whole' | 'several' | 'tag' | 'forced' | 'which_way' | 'never_equal'

function planRelay(request: SyncRequest): RelayPlan | NotRelayed {
  const { scope, remotes } = request
  if (request.restore !== undefined || request.dryRunOf !== undefined) return 'decided'
  if (scope === 'all') return 'whole'
  const [pair, ...others] = scope
  if (pair === undefined || others.length > 0) return 'several'
  if (!isBranchRef(pair.internal) || !isBranchRef(pair.external)) return 'tag'
  if (!isOnServer(remotes.internal) || !isOnServer(remotes.external)) return 'no_server'
  if (request.lfs === true) return 'lfs'
  if (isForced(request, pair)) return 'forced'
  if (request.decided.has(pair.internal) || request.evidence.deleted.has(pair.internal)) return 'decided'
  const from = hotPathOf(request)?.from
  if (from === undefined) return 'which_way'
  const before = request.agreed.get(pair.internal)
  if (before === undefined) return 'never_equal'
  const to = otherSide(from)
  const order = {
    source: remotes[from],
    target: remotes[to],
    sourceRef: pair[from],
    targetRef: pair[to],
    before,
    hint: request.hints?.get(pair.internal),
  }
  return { pair, from, order }
}

const BY_GIT = '由 git 同步 / by git: '
// Of these it matters what the server said or what the network did.
const TOLD_EXACTLY: ReadonlySet<Doubt['kind']> = new Set(['refused', 'status', 'malformed', 'unreachable'])

const WHY: Readonly<Record<NotRelayed | Doubt['kind'], Text>> = {
  lfs: { zh: '需要同步 LFS 对象', en: 'LFS objects come along' },
  decided: { zh: '已有明确的处理要求', en: 'it is more than a push' },
  whole: { zh: '比较整个仓库', en: 'the whole repository is compared' },
  several: { zh: '不止一个分支', en: 'it is not exactly one branch' },
  tag: { zh: '标签不转发', en: 'tags are not relayed' },
  forced: { zh: '强制同步', en: 'force was asked for' },
  which_way: { zh: '尚不知哪一边有更新', en: 'it is not known which side has moved' },
  never_equal: { zh: '两边尚未一致过', en: 'the two sides have not been equal yet' },
  no_server: { zh: '其中一侧不在服务器上', en: 'one side is not on a server' },
  off: { zh: '已关闭转发', en: 'the relay is off here' },
  avoided: { zh: '该服务器近期不适合转发', en: 'the relay has lately failed here' },
  old_version: {
    zh: '服务器不支持 git 协议第 2 版',
    en: 'the server does not speak version 2 of the protocol',
  },
  object_format: { zh: '对象格式不是 SHA-1', en: 'the object format is not SHA-1' },
  unmoved: { zh: '源仓库没有新的提交', en: 'the source shows nothing new' },
  not_proven: { zh: '无法证明是快进', en: 'it is not proven that the branch moves forward' },
  refused: { zh: '服务器拒绝', en: 'the server refused' },
  status: { zh: '服务器未正常应答', en: 'the server did not answer well' },
  malformed: { zh: '应答不符合预期', en: 'the answer is not what was expected' },
  unreachable: { zh: '连接失败', en: 'the connection failed' },
  stalled: { zh: '长时间没有进展', en: 'it made no progress' },
  timed_out: { zh: '超过总时限', en: 'it took too long' },
  canceled: { zh: '已取消', en: 'canceled' },
}
