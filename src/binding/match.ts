import type { Executor } from '../db/database.ts'
import type { AddressKey } from './address-key.ts'
import { addressKeys } from './address-key.ts'
import type { Binding, Side } from './binding.ts'
import { rowToBinding } from './bindings.ts'

// Stage 3: which bindings a delivery concerns.
//
// In:  lists of addresses, one list per delivery, each address naming the same repository in its own way.
// Out: per list the bindings that have this repository on one of their sides, disabled ones included.
// The cost grows with the addresses asked for, never with the number of bindings.

export type BindingMatch = { readonly binding: Binding; readonly side: Side }

export type MatchOptions = {
  /** False for a plain git server, where `Repo` and `repo` are two repositories; forges fold case. */
  readonly foldCase: boolean
}

// Databases limit the parameters of one statement.
const KEYS_PER_QUERY = 1000

/** One answer per list, in the order of the lists. */
export async function matchMany(
  db: Executor,
  lists: readonly (readonly string[])[],
  options: MatchOptions = { foldCase: true },
): Promise<readonly (readonly BindingMatch[])[]> {
  const keyLists = lists.map((addresses) => addresses.flatMap(addressKeys))
  const rowsByKey = Map.groupBy(await findRows(db, keyLists.flat()), (row) => row.match_key)
  const bindings = new Map<number, Binding>()
  return keyLists.map((keys) => {
    const matches = new Map<string, BindingMatch>()
    for (const key of keys) {
      for (const row of rowsByKey.get(key.matchKey) ?? []) {
        if (!options.foldCase && row.exact_key !== key.exactKey) continue
        if (!isPortAgreed(row.web_port, key, keys)) continue
        const binding = bindings.get(row.id) ?? rowToBinding(row)
        bindings.set(row.id, binding)
        matches.set(`${row.id} ${row.side}`, { binding, side: row.side })
      }
    }
    return [...matches.values()]
  })
}

// Two web ports on one host are two forges. An ssh address has no say in that, unless the delivery
// names no web address of the host at all.
function isPortAgreed(port: number | null, key: AddressKey, keys: readonly AddressKey[]): boolean {
  if (port === null) return true
  if (key.webPort !== null) return key.webPort === port
  return keys.every((other) => other.host !== key.host || other.webPort === null || other.webPort === port)
}

async function findRows(db: Executor, keys: readonly AddressKey[]) {
  const matchKeys = [...new Set(keys.map((key) => key.matchKey))]
  const rows: Awaited<ReturnType<typeof selectRows>>[number][] = []
  for (let start = 0; start < matchKeys.length; start += KEYS_PER_QUERY) {
    rows.push(...(await selectRows(db, matchKeys.slice(start, start + KEYS_PER_QUERY))))
  }
  return rows
}

function selectRows(db: Executor, matchKeys: readonly string[]) {
  return db
    .selectFrom('binding_address')
    .innerJoin('binding', 'binding.id', 'binding_address.binding_id')
    .selectAll('binding')
    .select(['side', 'match_key', 'exact_key', 'web_port'])
    .where('match_key', 'in', matchKeys)
    .orderBy('binding.id')
    .execute()
}
