/** Lets work under the same key happen one after the other, in the order in which it came. */
export type Turns = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>

export function createTurns(): Turns {
  const lastByKey = new Map<string, Promise<unknown>>()
  return async (key, work) => {
    const before = lastByKey.get(key) ?? Promise.resolve()
    const mine = before.then(work, work)
    lastByKey.set(key, mine)
    try {
      return await mine
    } finally {
      if (lastByKey.get(key) === mine) lastByKey.delete(key)
    }
  }
}
