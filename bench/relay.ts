import type { Carrier, Distance } from './relay-world.ts'
import { openForges } from './relay-world.ts'
import type { Sizes } from './sizes.ts'
import { median } from './statistics.ts'
import { milliseconds, table, times } from './table.ts'

// (f) The common push at a distance: from the webhook until the target shows the commit, by a daemon that relays,
// by one that leaves it to git, and by the two bare commands. In turns, so that all meet the same machine.

const SMALL = 1024
const WARM_UP = 1

type Taken = {
  readonly relay: number[]
  readonly cold: number[]
  readonly git: number[]
  readonly hand: number[]
}

export async function measureRelay(sizes: Sizes): Promise<string> {
  const tables: string[] = []
  for (const scheme of sizes.schemes) {
    await using forges = await openForges(scheme)
    const columns = new Map<string, Taken>()
    for (const roundTripMs of sizes.roundTrips) {
      await using distance = await forges.at(roundTripMs)
      const name = roundTripMs === 0 ? 'loopback' : `${roundTripMs} ms away`
      columns.set(name, await measure(distance, SMALL, { pushes: sizes.distantPushes, warmUp: WARM_UP }))
    }
    tables.push(toTable(`1 KB over ${scheme.toUpperCase()}`, columns))
    if (scheme !== sizes.schemes[0]) continue
    const bySize = new Map<string, Taken>()
    await using near = await forges.at(0)
    for (const bytes of sizes.packBytes)
      bySize.set(describeSize(bytes), await measure(near, bytes, { pushes: 2, warmUp: 0 }))
    tables.push(toTable(`larger pushes over ${scheme.toUpperCase()}, loopback`, bySize))
  }
  return [tables.join('\n\n'), '', NOTES].join('\n')
}

async function measure(
  distance: Distance,
  bytes: number,
  { pushes, warmUp }: { readonly pushes: number; readonly warmUp: number },
): Promise<Taken> {
  const taken: Taken = { relay: [], cold: [], git: [], hand: [] }
  const last = warmUp + pushes
  for (let push = 0; push < last + Math.ceil(pushes / 2); push += 1) {
    const isCold = push >= last
    const carriers: readonly Carrier[] = push % 2 === 0 ? ['relay', 'git', 'hand'] : ['hand', 'git', 'relay']
    const sha = await distance.commit(bytes)
    if (isCold) distance.cut()
    for (const by of carriers) {
      const took = await distance.push(by, sha)
      if (push >= warmUp) taken[by === 'relay' && isCold ? 'cold' : by].push(took)
    }
  }
  return taken
}

const ROWS: readonly (readonly [keyof Taken, string])[] = [
  ['relay', 'reposync, relayed'],
  ['cold', 'reposync, relayed, no connection kept'],
  ['git', 'reposync, by git (RELAY=false)'],
  ['hand', 'git fetch + git push'],
]

function toTable(title: string, columns: ReadonlyMap<string, Taken>): string {
  const rows = ROWS.map(([carrier, name]) => [
    name,
    ...columns.values().map((taken) => {
      const value = median(taken[carrier])
      return `${milliseconds(value)} (${times(value, median(taken.hand))})`
    }),
  ])
  return table([title, ...columns.keys()], rows)
}

function describeSize(bytes: number): string {
  return bytes < 2 ** 20 ? `${Math.round(bytes / 1024)} KB` : `${Math.round(bytes / 2 ** 20)} MB`
}

const NOTES = `Medians; in parentheses, compared with git fetch + git push. The clock runs from the webhook, or from the start of git fetch, until the ref of the target shows the commit.
The line delays every byte and every new connection, and takes any number of bytes at once; passwords are sent with the first request by all, over SSH the daemons share a connection and the bare commands log in each time, and the bare commands know the source’s earlier commits.`
