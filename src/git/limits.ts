import type { Clock } from '../clock.ts'
import type { GitErrorKind, GitFailure } from './git-error.ts'

// How long a piece of work may take, in total and without any sign of life.

export type LimitDeps = {
  readonly clock: Clock
  /** The work is ended after so long without progress; 0: no limit. */
  readonly idleTimeoutMs: number
  /** The work is ended after so long in total; 0: no limit. */
  readonly timeoutMs: number
}

export type Limits = Disposable & {
  readonly signal: AbortSignal
  readonly progress: () => void
  readonly stop: (kind: GitErrorKind, detail: string) => void
  readonly stopped: () => GitFailure | undefined
}

/** Watches for silence, the total time and the caller; the first of them decides why the work was stopped. */
export function watchLimits(deps: LimitDeps, name: string, signal: AbortSignal): Limits {
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
      else stop('stalled', `${name} made no progress for ${deps.idleTimeoutMs} ms`)
    })
  }
  const total =
    deps.timeoutMs > 0
      ? deps.clock.after(deps.timeoutMs, () =>
          stop('timed_out', `${name} took longer than ${deps.timeoutMs} ms`),
        )
      : undefined
  let idle = watchIdle()
  const onAbort = (): void => stop('canceled', `${name} was canceled`)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  return {
    signal: controller.signal,
    progress: () => (lastProgress = deps.clock.now()),
    stop,
    stopped: () => failure,
    [Symbol.dispose]: () => {
      idle?.[Symbol.dispose]()
      total?.[Symbol.dispose]()
      signal.removeEventListener('abort', onAbort)
    },
  }
}
