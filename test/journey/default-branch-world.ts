import { z } from 'zod'
import type { Side } from '../../src/binding/binding.ts'
import { startClockedDaemon } from '../rig/clocked-daemon.ts'
import type { ClockedDaemon } from '../rig/clocked-daemon.ts'
import type { RunOnWire } from '../rig/daemon.ts'
import type { FakeHookForge } from '../rig/fake-hooks.ts'
import { listRuns } from '../rig/journey.ts'
import type { BoundPair } from '../rig/journey.ts'
import { git } from '../rig/repository.ts'
import { apiOf, TOKEN } from './hooks-world.ts'
import type { ApiForge } from './hooks-world.ts'

// A binding whose sides have the branches main and develop, with main as the default branch, and forges whose
// default branch is that of the repository which git sees.

export type DefaultsWorld = AsyncDisposable & {
  readonly daemon: ClockedDaemon
  readonly app: BoundPair
  readonly forges: Readonly<Record<Side, FakeHookForge>>
  /** Gives the daemon access to the forge of a side. */
  readonly giveAccess: (side: Side, changes?: Readonly<Record<string, unknown>>) => Promise<unknown>
  /** What a person does at the forge. */
  readonly setDefault: (side: Side, branch: string) => Promise<void>
  readonly defaultOf: (side: Side) => Promise<string>
  /** Compares both sides of the whole repository; the run with its log. */
  readonly sync: () => Promise<RunOnWire>
  readonly status: () => Promise<Status>
  /** Newest first. */
  readonly runs: () => Promise<readonly RunOnWire[]>
  /** How often the forge of the side was asked for another default branch. */
  readonly asked: (side: Side) => number
}

const Status = z.looseObject({
  default_branches_equal: z.boolean().nullable(),
  default_branch_problem: z
    .object({
      side: z.string().nullable(),
      wanted: z.string().nullable(),
      reason: z.string(),
      detail: z.string(),
      hint: z.string().nullable(),
      since: z.string().nullable(),
      tried_at: z.string().nullable(),
      next_try_at: z.string().nullable(),
    })
    .nullable(),
})
export type Status = z.infer<typeof Status>

const Requested = z.object({ data: z.object({ run_id: z.number() }) })

export async function startDefaultsWorld(
  api: ApiForge,
  options: Readonly<Record<string, unknown>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<DefaultsWorld> {
  await using stack = new AsyncDisposableStack()
  const daemon = stack.use(await startClockedDaemon(env))
  const app = await daemon.bind('app', { default_branch: 'follow', ...options })
  const dirs = { internal: app.inner.dir, external: app.outer.dir }
  const forges = {
    internal: stack.use(await apiOf(api, app.inner)),
    external: stack.use(await apiOf(api, app.outer)),
  }
  const owned = stack.move()
  const world: DefaultsWorld = {
    daemon,
    app,
    forges,
    giveAccess: async (side, changes = {}) => {
      const { body } = await daemon.call('PUT', `/api/v1/bindings/app/forges/${side}`, {
        forge: api.forge,
        api_token: TOKEN,
        api_url: `${forges[side].origin}${api.apiPath}`,
        ...changes,
      })
      return body
    },
    setDefault: async (side, branch) => {
      await git(dirs[side], 'symbolic-ref', 'HEAD', `refs/heads/${branch}`)
    },
    defaultOf: (side) => git(dirs[side], 'symbolic-ref', '--short', 'HEAD'),
    sync: async () => {
      const { body } = await daemon.call('POST', '/api/v1/bindings/app/sync', {})
      const { run_id: id } = Requested.parse(body).data
      return daemon.runEnded(id)
    },
    status: async () => {
      const { body } = await daemon.call('GET', '/api/v1/bindings/app/status')
      return z.object({ data: Status }).parse(body).data
    },
    runs: () => listRuns(daemon),
    asked: (side) => forges[side].requests.filter(({ method }) => ['PATCH', 'PUT'].includes(method)).length,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
  return world
}

/** Puts the branches on the inner side and has both sides made equal. */
export async function pushBranches(
  { daemon, app, sync }: DefaultsWorld,
  names: readonly string[] = ['main', 'develop'],
): Promise<void> {
  await daemon.work.commit('base')
  await daemon.work.push(app.inner.dir, ...names.map((name) => `HEAD:refs/heads/${name}`))
  await sync()
  await sync()
}
