import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { shaOf } from './repository.ts'
import type { Sha } from '../../src/git/refs.ts'

// Histories of any shape, made in bulk by one git.
//
//   const [app = []] = await writeHistories(dir, [[[], [0], [0], [1, 2]]])   // a merge of two branches
//   app[3]                                                                   // the sha of the merge

/** For each commit the numbers of its parents, all smaller than its own; no parents: a first commit. */
export type History = readonly (readonly number[])[]

export type HistoryOptions = {
  /** What a commit says; by default something that no other commit says. */
  readonly message?: (history: number, commit: number) => string
  /** When it was made, in seconds; by default one after the other. */
  readonly time?: (history: number, commit: number) => number
}

/** Resolves to the commits of every history; each changes one file, and all are kept below `refs/histories/`. */
export async function writeHistories(
  dir: string,
  histories: readonly History[],
  {
    message = (history, commit) => `commit ${commit} of ${history}`,
    time = (_, commit) => commit,
  }: HistoryOptions = {},
): Promise<readonly (readonly Sha[])[]> {
  const commands: string[] = []
  const marks = histories.map(() => new Array<number>())
  let mark = 0
  for (const [number, history] of histories.entries()) {
    for (const [commit, parents] of history.entries()) {
      mark += 1
      marks[number]?.push(mark)
      const text = message(number, commit)
      const [first, ...others] = parents.map((parent) => `:${marks[number]?.[parent] ?? ''}`)
      commands.push(
        `commit refs/histories/${number}-${commit}`,
        `mark :${mark}`,
        `committer Ada <ada@example.org> ${1_700_000_000 + time(number, commit)} +0000`,
        `data ${Buffer.byteLength(text)}\n${text}`,
        ...(first === undefined ? [] : [`from ${first}`]),
        ...others.map((other) => `merge ${other}`),
        `M 100644 inline file-${commit % 5}.txt`,
        `data ${text.length}\n${text}`,
        '',
      )
    }
  }
  const marksFile = join(dir, 'histories.marks')
  await fastImport(dir, marksFile, commands.join('\n'))
  const lines = (await readFile(marksFile, 'utf8')).trim().split('\n')
  const shaByMark = new Map(
    lines.map((line) => [Number(line.slice(1, line.indexOf(' '))), line.slice(line.indexOf(' ') + 1)]),
  )
  return marks.map((each) => each.map((number) => shaOf(shaByMark.get(number) ?? '')))
}

function fastImport(dir: string, marksFile: string, commands: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['-C', dir, 'fast-import', '--quiet', `--export-marks=${marksFile}`], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`git fast-import ended with ${code ?? 'a signal'}`))
    })
    child.stdin.end(commands)
  })
}

/** The pack that a server sends to somebody who wants one commit and has another; undefined: it has nothing. */
export async function packBetween(
  dir: string,
  want: Sha,
  have: Sha | undefined,
  options: readonly string[] = [],
): Promise<Buffer> {
  const args = ['pack-objects', '--revs', '--thin', '--stdout', '--delta-base-offset', '-q', ...options]
  const child = spawn('git', ['-C', dir, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(`${want}\n${have === undefined ? '' : `^${have}\n`}`)
  return buffer(child.stdout)
}

/** What git says: whether the newer commit descends from the older one, or is it. */
export async function isAncestor(dir: string, older: Sha, newer: Sha): Promise<boolean> {
  const child = spawn('git', ['-C', dir, 'merge-base', '--is-ancestor', older, newer], { stdio: 'ignore' })
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve))
  if (code !== 0 && code !== 1) throw new Error(`git merge-base ended with ${code ?? 'a signal'}`)
  return code === 0
}
