import type { Sha } from '../src/git/refs.ts'
import type { RunOnWire } from '../test/rig/daemon.ts'
import { sendEcho, travel } from './journey.ts'
import type { Arrival, Place } from './journey.ts'
import { milliseconds } from './narrator.ts'
import type { Narrator } from './narrator.ts'
import { bindPair } from './world.ts'
import type { Pair, World } from './world.ts'

/** The proof, step by step: commits travel from inside to outside, and one the other way. */
export async function tellStory(world: World, narrator: Narrator): Promise<readonly [Pair, Pair]> {
  const { daemon } = world

  const app = await bind(world, narrator, 'app', 1)
  const first = await push(world, narrator, app.inner, 'Say hello')
  const outward = await see(world, narrator, app.inner, app.outer, first)
  const second = await push(world, narrator, app.inner, 'Say more')
  await see(world, narrator, app.inner, app.outer, second)

  const lib = await bind(world, narrator, 'lib', 2)
  const third = await push(world, narrator, lib.outer, 'Fix it upstream')
  const inward = await see(world, narrator, lib.outer, lib.inner, third)

  await narrator.step(
    'our own push comes back as a webhook of the inner forge',
    '自己的推送以 webhook 的形式返回（回声）',
    async (show) => {
      const { reason, detail } = await sendEcho(daemon, lib.inner)
      if (reason !== 'echo') throw new Error(`the echo was not recognised: ${reason}, ${detail}`)
      show(`200 ignored, reason "${reason}": ${detail}`)
    },
  )
  await narrator.step(`the record of run ${outward.run.id}`, '运行记录', async (show) => {
    show(`GET /api/v1/runs/${outward.run.id}`)
    for (const line of describeRun(await daemon.runEnded(outward.run.id))) show(line)
  })
  narrator.say(
    '',
    'Both commits arrived · 两个方向的提交均已到达',
    `  inner → outer  ${short(first)}  webhook → visible ${milliseconds(outward.visibleAfterMs)}`,
    `  outer → inner  ${short(third)}  webhook → visible ${milliseconds(inward.visibleAfterMs)}`,
  )
  return [app, lib]
}

function bind(world: World, { step }: Narrator, name: string, direction: 1 | 2): Promise<Pair> {
  const [way, chinese] = direction === 1 ? ['inner → outer', '内 → 外'] : ['outer → inner', '外 → 内']
  return step(`bind the repository "${name}", ${way}`, `绑定仓库，${chinese}`, async (show) => {
    const pair = await bindPair(world, name, direction)
    show(`POST /cerobot/sync/repo  sync_direction ${direction}  → code_status 0`)
    return pair
  })
}

function push(world: World, { step }: Narrator, place: Place, message: string): Promise<Sha> {
  return step(
    `${place.forge.owner} pushes "${message}" to ${place.forge.kind}`,
    '推送一个提交',
    async (show) => {
      const commit = await world.work.commit(message)
      await world.work.push(place.forge.pushAddress(place.repository), 'HEAD:refs/heads/main')
      show(`${place.repository.url}  main is ${short(commit)}`)
      return commit
    },
  )
}

function see(world: World, { step }: Narrator, from: Place, to: Place, commit: Sha): Promise<Arrival> {
  return step(
    `${from.forge.kind} sends its signed webhook, the commit arrives at ${to.forge.kind}`,
    '发送带签名的 webhook，提交到达另一侧',
    async (show) => {
      const arrival = await travel(world.daemon, from, to, commit)
      show(`POST /webhooks/${from.forge.kind}  → 202, delivery ${arrival.delivery}, run ${arrival.run.id}`)
      show(`${to.repository.url}  main read back: ${short(commit)}`)
      show(`webhook → visible: ${milliseconds(arrival.visibleAfterMs)}`)
      return arrival
    },
  )
}

function describeRun(run: RunOnWire): readonly string[] {
  const steps = run.steps.map(({ name, duration_ms: durationMs }) => `${name} ${milliseconds(durationMs)}`)
  return [
    `${run.status}, code ${run.code ?? '-'} ${run.message ?? ''}, trigger ${run.trigger}, attempts ${run.attempts}`,
    ...run.refs.map((ref) => `${ref.source_ref} → ${ref.target_ref}: ${ref.result}`),
    `steps: ${steps.join(', ')}`,
  ]
}

function short(commit: Sha): string {
  return commit.slice(0, 7)
}
