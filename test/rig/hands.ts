import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import type { Sha } from '../../src/git/refs.ts'
import { shaOf } from './repository.ts'

// People at work, without a process for each thing they do: objects and refs are written the way git writes them,
// with its locks, so that they meet a git that works on the same repository as another git would.
//
//   const hands = createHands()
//   const first = hands.commit('first')                        // known to these hands, in no repository yet
//   const second = hands.commit('second', [first])
//   await hands.move(app.dir, 'refs/heads/main', second)       // brings along what the repository lacks
//   hands.isAncestor(first, second)                            // without git

export type Hands = {
  /** Its only file is called `file`, unless named. */
  readonly commit: (message: string, parents?: readonly Sha[], file?: string) => Sha
  /** An annotated tag. */
  readonly tag: (name: string, target: Sha) => Sha
  /** Sets a ref, or removes it (null), and tells what it was; waits while somebody else holds its lock. */
  readonly move: (dir: string, ref: string, to: Sha | null) => Promise<Sha | null>
  /** The same only where it still is what it was thought to be; tells whether it was. */
  readonly replace: (dir: string, ref: string, from: Sha | null, to: Sha | null) => Promise<boolean>
  /** Brings what is needed for an object without naming it there. */
  readonly bring: (dir: string, sha: Sha) => Promise<void>
  /** Whether a commit is in the past of another one, or is it. */
  readonly isAncestor: (older: Sha, newer: Sha) => boolean
  readonly parents: (sha: Sha) => readonly Sha[]
  /** The commit and everything before it. */
  readonly past: (sha: Sha) => ReadonlySet<Sha>
}

type Made = { readonly bytes: Buffer; readonly needs: readonly Sha[]; readonly parents: readonly Sha[] }

const compress = promisify(deflate)
const PERSON = 'Ada <ada@example.org>'
const LONGEST_LOCK_MS = 10_000

export function createHands(): Hands {
  const made = new Map<Sha, Made>()
  let time = 1_700_000_000

  function make(type: string, body: Buffer, needs: readonly Sha[], parents: readonly Sha[]): Sha {
    const bytes = Buffer.concat([Buffer.from(`${type} ${body.length}\0`), body])
    const sha = shaOf(createHash('sha1').update(bytes).digest('hex'))
    made.set(sha, { bytes, needs, parents })
    return sha
  }

  function past(sha: Sha): ReadonlySet<Sha> {
    const seen = new Set<Sha>()
    const open: Sha[] = [sha]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue
      seen.add(next)
      open.push(...(made.get(next)?.parents ?? []))
    }
    return seen
  }

  async function bring(dir: string, sha: Sha): Promise<void> {
    const object = made.get(sha)
    const path = join(dir, 'objects', sha.slice(0, 2), sha.slice(2))
    if (object === undefined || (await exists(path))) return
    // What it needs comes first, so that nobody ever finds it incomplete.
    for (const need of object.needs) await bring(dir, need)
    await mkdir(dirname(path), { recursive: true })
    const draft = `${path}.${crypto.randomUUID()}`
    await writeFile(draft, await compress(object.bytes), { mode: 0o444 })
    await rename(draft, path)
  }

  async function change(
    dir: string,
    ref: string,
    isWanted: (before: Sha | null) => boolean,
    to: Sha | null,
  ): Promise<{ readonly before: Sha | null; readonly isDone: boolean }> {
    if (to !== null) await bring(dir, to)
    const path = join(dir, ref)
    await mkdir(dirname(path), { recursive: true })
    const lock = await openLock(`${path}.lock`)
    const before = await readFile(path, 'utf8').then(
      (text) => shaOf(text.trim()),
      () => null,
    )
    const isDone = isWanted(before)
    if (isDone && to !== null) {
      await lock.writeFile(`${to}\n`)
      await lock.close()
      await rename(`${path}.lock`, path)
      return { before, isDone }
    }
    await lock.close()
    if (isDone) await rm(path, { force: true })
    await rm(`${path}.lock`)
    if (isDone) await removeEmpty(dirname(path), join(dir, 'refs'))
    return { before, isDone }
  }

  return {
    commit: (message, parents = [], file = 'file') => {
      const blob = make('blob', Buffer.from(`${message}\n`), [], [])
      const entry = Buffer.concat([Buffer.from(`100644 ${file}\0`), Buffer.from(blob, 'hex')])
      const tree = make('tree', entry, [blob], [])
      time += 1
      const lines = [
        `tree ${tree}`,
        ...parents.map((parent) => `parent ${parent}`),
        `author ${PERSON} ${time} +0000`,
        `committer ${PERSON} ${time} +0000`,
      ]
      return make('commit', Buffer.from(`${lines.join('\n')}\n\n${message}\n`), [tree, ...parents], parents)
    },
    tag: (name, target) => {
      time += 1
      const text = `object ${target}\ntype commit\ntag ${name}\ntagger ${PERSON} ${time} +0000\n\n${name}\n`
      return make('tag', Buffer.from(text), [target], [target])
    },
    move: async (dir, ref, to) => (await change(dir, ref, () => true, to)).before,
    replace: async (dir, ref, from, to) => (await change(dir, ref, (before) => before === from, to)).isDone,
    bring,
    isAncestor: (older, newer) => past(newer).has(older),
    parents: (sha) => made.get(sha)?.parents ?? [],
    past,
  }
}

/** Waits for whoever holds it. */
async function openLock(path: string) {
  for (const start = performance.now(); ;) {
    try {
      return await open(path, 'wx')
    } catch (error) {
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EEXIST'
      if (!isTaken || performance.now() - start > LONGEST_LOCK_MS) throw error
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

// As git does, so that `a` may follow `a/b`.
async function removeEmpty(folder: string, top: string): Promise<void> {
  for (let path = folder; dirname(path) !== top && path !== top; path = dirname(path)) {
    const isEmpty = await rmdir(path).then(
      () => true,
      () => false,
    )
    if (!isEmpty) return
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
