import type { Clock } from '../clock.ts'
import type { RepositoryId } from '../ids.ts'

/** One at a time per repository, in the order of asking: what people change, and what syncs read and write. */
export type RepositoryLocks = {
  /** Rejects with what `refuse` makes when its turn does not come within the limit. */
  readonly withLimit: <T>(
    id: RepositoryId,
    limit: { readonly ms: number; readonly refuse: () => Error },
    work: () => Promise<T>,
  ) => Promise<T>
  /** Waits as long as it takes; everything that works here ends by itself. */
  readonly exclusively: <T>(id: RepositoryId, work: () => Promise<T>) => Promise<T>
  /** Resolves when nothing works on any repository. */
  readonly settled: () => Promise<void>
}

export function createRepositoryLocks(clock: Clock): RepositoryLocks {
  const lastById = new Map<RepositoryId, Promise<void>>()

  /** Resolves at one's turn to what ends it. */
  async function take(id: RepositoryId): Promise<Disposable> {
    const before = lastById.get(id)
    const { promise, resolve } = Promise.withResolvers<void>()
    lastById.set(id, promise)
    await before
    return {
      [Symbol.dispose]: () => {
        if (lastById.get(id) === promise) lastById.delete(id)
        resolve()
      },
    }
  }

  async function exclusively<T>(id: RepositoryId, work: () => Promise<T>): Promise<T> {
    using _turn = await take(id)
    return await work()
  }

  async function settled(): Promise<void> {
    while (lastById.size > 0) await Promise.all(lastById.values())
  }

  return {
    exclusively,
    settled,
    withLimit: async (id, { ms, refuse }, work) => {
      const turn = take(id)
      const tooLate = Promise.withResolvers<never>()
      const limit = clock.after(ms, () => tooLate.reject(refuse()))
      try {
        await Promise.race([turn, tooLate.promise])
      } catch (error) {
        void turn.then((late) => late[Symbol.dispose]())
        throw error
      } finally {
        limit[Symbol.dispose]()
      }
      using _turn = await turn
      return await work()
    },
  }
}
