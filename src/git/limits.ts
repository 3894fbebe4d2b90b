import type { Clock } from '../clock.ts'
import type { GitErrorKind, GitFailure } from './git-error.ts'

export type LimitDeps = {
  readonly clock: Clock
  /** What talks to a server is ended after so long without a byte; 0: no limit. */
  readonly idleTimeoutMs: number
  /** And after so long in total; 0: no limit. */
  readonly timeoutMs: number
}

type Limits = Disposable & {
  /** Aborts when a limit is reached, or with the signal of the caller. */
  readonly signal: AbortSignal
  readonly progress: () => void
  readonly stop: (kind: GitErrorKind, detail: string) => void
  /** Why it was stopped; undefined as long as it was not. */
  readonly stopped: () => GitFailure | undefined
}

/** Watches for silence, the total time and the caller; the first of them decides why the work was stopped. */
export function watchLimits(deps: LimitDeps, work: string, caller: AbortSignal): Limits {
  const controller = new AbortController()
  let failure: GitFailure | undefined
  let lastProgress = deps.clock.now()
  const stop = (kind: GitErrorKind, detail: string): void => {
    failure ??= { kind, detail }
    controller.abort()
  }
  const watchIdle = (): Disposable | undefined => {
    if (deps.idleTimeoutMs === 0) return undefined
    return deps.clock.after(lastProgress + deps.idleTimeoutMs - deps.clock.now(), () => {
      if (deps.clock.now() - lastProgress < deps.idleTimeoutMs) idle = watchIdle()
      else stop('stalled', `${work} made no progress for ${deps.idleTimeoutMs} ms`)
    })
  }
  const total =
    deps.timeoutMs > 0
      ? deps.clock.after(deps.timeoutMs, () =>
          stop('timed_out', `${work} took longer than ${deps.timeoutMs} ms`),
        )
      : undefined
  let idle = watchIdle()
  const onAbort = (): void => stop('canceled', `${work} was canceled`)
  caller.addEventListener('abort', onAbort, { once: true })
  if (caller.aborted) onAbort()
  return {
    signal: controller.signal,
    progress: () => (lastProgress = deps.clock.now()),
    stop,
    stopped: () => failure,
    [Symbol.dispose]: () => {
      idle?.[Symbol.dispose]()
      total?.[Symbol.dispose]()
      caller.removeEventListener('abort', onAbort)
    },
  }
}
