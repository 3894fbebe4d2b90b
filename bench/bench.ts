import { describeMachine } from './machine.ts'
import { measureComparison } from './comparison.ts'
import { measureDeliveries } from './deliveries.ts'
import { measureLists } from './lists.ts'
import { measureManyRefs } from './many-refs.ts'
import { measureMemory } from './memory.ts'
import { measurePushes } from './pushes.ts'
import { measureRelay } from './relay.ts'
import { measureRepository } from './repository.ts'
import type { Sizes } from './sizes.ts'
import { FULL, QUICK } from './sizes.ts'

// How fast the daemon is, beside what else does the same work, in one run on one machine.
//
//   npm run bench                 all sections, about twenty minutes
//   npm run bench -- a c          some of them
//   npm run bench -- --quick      tiny sizes: shows that it works, not how fast
//
// Everything talks over loopback, lives in a temporary folder and ends with the bench.

type Section = { readonly title: string; readonly measure: (sizes: Sizes) => Promise<string> }

const SECTIONS: ReadonlyMap<string, Section> = new Map([
  ['a', { title: 'From webhook to visible ref', measure: measurePushes }],
  ['b', { title: 'A repository with many branches', measure: measureRepository }],
  ['c', { title: 'Signed deliveries per second', measure: measureDeliveries }],
  ['d', { title: 'Resident memory', measure: measureMemory }],
  ['e', { title: 'Pages of long lists', measure: measureLists }],
  ['f', { title: 'The common push at a distance', measure: measureRelay }],
  ['g', { title: 'Comparing many bindings', measure: measureComparison }],
  ['h', { title: 'A repository with very many refs', measure: measureManyRefs }],
])

const words = process.argv.slice(2)
const names = words.filter((word) => word !== '--quick')
const unknown = names.find((name) => !SECTIONS.has(name))
if (unknown === undefined) {
  await run(names.length === 0 ? [...SECTIONS.keys()] : names, words.includes('--quick') ? QUICK : FULL)
} else {
  process.stderr.write(`bench: there is no section ${unknown}; there are ${[...SECTIONS.keys()].join(' ')}\n`)
  process.exitCode = 1
}

async function run(chosen: readonly string[], sizes: Sizes): Promise<void> {
  process.stdout.write(`# reposync bench\n\n${await describeMachine()}\n`)
  for (const name of chosen) {
    const section = SECTIONS.get(name)
    if (section === undefined) continue
    process.stdout.write(`\n## (${name}) ${section.title}\n\n`)
    process.stdout.write(`${await section.measure(sizes)}\n`)
  }
}
