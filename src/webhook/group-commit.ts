/**
 * Lets callers that arrive together share one transaction, because a durable commit costs the same for one
 * as for a hundred. Each caller gets its own result, after the commit. When a group cannot be committed its
 * members are tried one by one, so that one bad item does not fail the others.
 */
export function createGroupCommit<Item, Result>(
  commit: (items: readonly Item[]) => Promise<readonly Result[]>,
  maxGroup: number,
): (item: Item) => Promise<Result> {
  type Waiting = {
    readonly item: Item
    readonly resolve: (result: Result) => void
    readonly reject: (error: unknown) => void
  }
  let waiting: Waiting[] = []
  let isRunning = false

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting.slice(0, maxGroup)
      waiting = waiting.slice(maxGroup)
      if (!(await settle(group))) for (const one of group) await settle([one])
    }
    isRunning = false
  }

  /** Tells whether every member of the group has its answer. */
  async function settle(group: readonly Waiting[]): Promise<boolean> {
    try {
      const results = await commit(group.map(({ item }) => item))
      group.forEach(({ resolve, reject }, position) => {
        const result = results[position]
        if (result === undefined) reject(new Error('the commit returned too few results'))
        else resolve(result)
      })
      return true
    } catch (error) {
      const [only] = group
      if (group.length === 1) only?.reject(error)
      return group.length === 1
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      // In a turn of its own, so that what arrives in this turn joins the group.
      if (!isRunning) {
        isRunning = true
        setImmediate(() => void run())
      }
    })
}
