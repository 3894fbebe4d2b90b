import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Side } from '../../src/binding/binding.ts'
import { toSha } from '../../src/git/refs.ts'
import type { Sha } from '../../src/git/refs.ts'
import { installHook } from '../rig/repository.ts'

// Everything that ever became of a ref on either side, and who did it: people, or the daemon.

export type Move = {
  readonly side: Side
  readonly repository: string
  readonly ref: string
  /** Null: the ref was not there. */
  readonly before: Sha | null
  readonly after: Sha | null
  readonly by: 'people' | 'daemon'
}

export type Ledger = {
  readonly note: (move: Move) => void
  /** Has a repository write down what is pushed to it over HTTP (the daemon) or by its path (people). */
  readonly watch: (side: Side, repository: string, dir: string) => Promise<void>
  /** What people did by their own hands. */
  readonly byHand: () => readonly Move[]
  readonly moves: () => Promise<readonly Move[]>
}

const SIDE = z.enum(['internal', 'external'])
const BY = z.enum(['people', 'daemon'])

/** Pushes are written to the file, which may not exist yet. */
export function openLedger(file: string): Ledger {
  const noted: Move[] = []
  return {
    note: (move) => void noted.push(move),
    watch: async (side, repository, dir) => {
      // Git would look after every push whether there is something to tidy up.
      await appendFile(join(dir, 'config'), '[receive]\n\tautogc = false\n')
      await installHook(
        dir,
        'post-receive',
        `by=people; test -n "$GIT_HTTP_EXPORT_ALL" && by=daemon
while read before after ref; do echo "$by ${side} ${repository} $before $after $ref"; done >> '${file}'`,
      )
    },
    byHand: () => noted,
    moves: async () => {
      const text = await readFile(file, 'utf8').catch(() => '')
      return [...noted, ...text.split('\n').flatMap(toMove)]
    },
  }
}

function toMove(line: string): readonly Move[] {
  const [by, side, repository, before, after, ref] = line.split(' ')
  if (ref === undefined || repository === undefined) return []
  return [
    {
      by: BY.parse(by),
      side: SIDE.parse(side),
      repository,
      before: toSha(before ?? '') ?? null,
      after: toSha(after ?? '') ?? null,
      ref,
    },
  ]
}
