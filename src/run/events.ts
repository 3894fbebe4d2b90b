import { EventEmitter } from 'node:events'
import type { RunId } from '../ids.ts'

/** Tells whoever listens in this process what happens to runs; the database stays the truth. */
export type RunEvents = {
  readonly attemptEnded: (id: RunId) => void
  readonly logged: (id: RunId, line: string) => void
  /** Resolves at the next end of an attempt of this run, rejects when the signal aborts. */
  readonly onceAttemptEnded: (id: RunId, signal: AbortSignal) => Subscription
  readonly onLogged: (id: RunId, listener: (line: string) => void) => Disposable
}

type Subscription = Disposable & { readonly promise: Promise<void> }

export function createRunEvents(): RunEvents {
  const emitter = new EventEmitter()
  emitter.setMaxListeners(0)
  return {
    attemptEnded: (id) => void emitter.emit(`ended ${id}`),
    logged: (id, line) => void emitter.emit(`logged ${id}`, line),
    onceAttemptEnded: (id, signal) => onceEnded(emitter, id, signal),
    onLogged: (id, listener) => {
      emitter.on(`logged ${id}`, listener)
      return { [Symbol.dispose]: () => void emitter.off(`logged ${id}`, listener) }
    },
  }
}

function onceEnded(emitter: EventEmitter, id: RunId, signal: AbortSignal): Subscription {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = (): void => reject(new Error('stopped waiting for the run', { cause: signal.reason }))
  // The subscriber may leave before it awaits; its rejection is then nobody's.
  promise.catch(() => undefined)
  emitter.once(`ended ${id}`, resolve)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  return {
    promise,
    [Symbol.dispose]: () => {
      emitter.off(`ended ${id}`, resolve)
      signal.removeEventListener('abort', onAbort)
    },
  }
}
