import type { ForgeApiFailure } from '../forge/forge-api.ts'
import { checkHook, removeAbandoned } from '../hook/check.ts'
import type { CheckDeps } from '../hook/check.ts'
import type { Hook } from '../hook/hook.ts'
import { listAbandoned, listLeastChecked } from '../hook/hooks.ts'
import { MINUTE } from '../clock.ts'

type Deps = CheckDeps & {
  /** 0: only at the start, when this service has been away. */
  readonly intervalMs: number
}

export type HookWatch = AsyncDisposable & {
  /** The first look; to be called when deliveries can be received. */
  readonly start: () => void
  /** A binding was deleted: its hooks are to be removed at their forges. */
  readonly wake: () => void
}

// Each costs a few calls of the hourly allowance that the forge grants; the next look goes on with the rest.
const HOOKS_PER_LOOK = 100
const PAUSE_MS = 1 * MINUTE

/** Looks at every hook at its forge, at the start and once per interval, and recovers what was missed there. */
export function createHookWatch(deps: Deps): HookWatch {
  let isStopped = false
  let timer: Disposable | undefined
  let working = Promise.resolve()
  const pausedUntilByHost = new Map<string, number>()

  /** One after the other, and never as an error of whoever asked. */
  function enqueue(work: () => Promise<void>): void {
    working = working
      .then(() => (isStopped ? undefined : work()))
      .catch((error: unknown) => deps.logger.error({ err: error }, 'looking after hooks failed'))
  }

  function look(): void {
    enqueue(removeAll)
    enqueue(checkAll)
    enqueue(() => {
      if (deps.intervalMs > 0) timer = deps.clock.after(deps.intervalMs, look)
      return Promise.resolve()
    })
  }

  async function removeAll(): Promise<void> {
    const hooks = await listAbandoned(deps)
    await perHost(hooks.map((hook) => ({ hook, work: () => removeAbandoned(deps, hook) })))
  }

  async function checkAll(): Promise<void> {
    const hooks = await listLeastChecked(deps)
    await perHost(
      hooks.map(({ hook, isEnabled }) => ({ hook, work: () => checkHook(deps, hook, { isEnabled }) })),
    )
  }

  /** Hosts side by side, the hooks of each in turn; a host that fails is left alone for a while. */
  async function perHost(tasks: readonly Task[]): Promise<void> {
    const tasksByHost = Map.groupBy(tasks, ({ hook }) => hostOf(hook))
    await Promise.all(
      [...tasksByHost].map(async ([host, ofHost]) => {
        for (const task of ofHost.slice(0, HOOKS_PER_LOOK)) {
          if (isStopped || (pausedUntilByHost.get(host) ?? 0) > deps.clock.now()) return
          const failure = await attempt(task)
          const pause = failure === undefined ? 0 : pauseAfter(failure)
          if (pause > 0) pausedUntilByHost.set(host, deps.clock.now() + pause)
        }
      }),
    )
  }

  // A token that cannot be opened any more must not keep the other hooks from being looked at.
  async function attempt({ hook, work }: Task): Promise<ForgeApiFailure | undefined> {
    try {
      return await work()
    } catch (error) {
      deps.logger.error({ err: error, hook: hook.id }, 'looking after a hook failed')
      return undefined
    }
  }

  return {
    start: look,
    wake: () => enqueue(removeAll),
    [Symbol.asyncDispose]: async () => {
      isStopped = true
      timer?.[Symbol.dispose]()
      await working
    },
  }
}

type Task = { readonly hook: Hook; readonly work: () => Promise<ForgeApiFailure | undefined> }

function hostOf({ apiUrl, address }: Hook): string {
  return apiUrl === null
    ? (/^(?:\w+:\/\/)?(?:[^/@]*@)?([^/:]+)/.exec(address)?.[1] ?? '')
    : new URL(apiUrl).host
}

const PAUSING: ReadonlySet<ForgeApiFailure['kind']> = new Set(['unreachable', 'tls', 'proxy', 'server_error'])

function pauseAfter({ kind, retryAfterMs }: ForgeApiFailure): number {
  if (kind === 'rate_limited') return retryAfterMs ?? PAUSE_MS
  return PAUSING.has(kind) ? PAUSE_MS : 0
}
