import type { RunDeps } from './git.ts'
import { runGit } from './git.ts'
import type { GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { Sha } from './refs.ts'
import { toSha } from './refs.ts'

// Where a repository has a pointer in place of a large file: a small text that names the file by its sha256.

export type LfsPointer = { readonly oid: string; readonly size: number }

/** Pointers by the git object that holds them. */
export type PointersByBlob = ReadonlyMap<Sha, LfsPointer>

/** What a walk through history covers: everything that the heads reach and the known commits do not. */
export type HistoryRange = { readonly heads: readonly Sha[]; readonly known: readonly Sha[] }

// git-lfs takes nothing of 1024 bytes or more for a pointer.
const POINTER_LIMIT = 1024
const WALK = `rev-list --objects --ignore-missing --filter=blob:limit=${POINTER_LIMIT} --filter=object:type=blob --filter-provided-objects --stdin`
const MOST_POINTERS = 1_000_000
// So many objects are asked for in one call, which keeps what is held in memory small.
const READ_TOGETHER = 50_000

const POINTER =
  /^version (?:https:\/\/git-lfs\.github\.com\/spec\/v1|https:\/\/hawser\.github\.com\/spec\/v1|http:\/\/git-media\.io\/v\/2)\r?\n(?:ext-\d-[^\n]*\n)*oid sha256:([0-9a-f]{64})\r?\nsize (\d{1,15})\s*$/

/** Every pointer in the range. Known commits that the mirror does not have are passed over. */
export async function findPointers(
  deps: RunDeps,
  dir: string,
  range: HistoryRange,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly pointers: PointersByBlob }>> {
  const pointers = new Map<Sha, LfsPointer>()
  const parts: string[] = []
  let part: string[] = []
  const walked = await walk(deps, dir, range, ['--no-object-names'], signal, (line) => {
    part.push(line)
    if (part.length < READ_TOGETHER) return
    // One long text takes a fraction of what its lines take.
    parts.push(`${part.join('\n')}\n`)
    part = []
  })
  if (!walked.ok) return walked
  if (part.length > 0) parts.push(`${part.join('\n')}\n`)
  for (const input of parts) {
    const read = await readBlobs(deps, dir, input, signal, (blob, content) => {
      const pointer = parsePointer(content)
      if (pointer !== undefined) pointers.set(blob, pointer)
    })
    if (!read.ok) return read
    if (pointers.size > MOST_POINTERS) {
      return failed('too_large', `there are more than ${MOST_POINTERS} LFS objects`)
    }
  }
  return { ok: true, pointers }
}

/** Which of the objects are in the range, with a path at which each is found. */
export async function findPaths(
  deps: RunDeps,
  dir: string,
  range: HistoryRange,
  blobs: ReadonlySet<Sha>,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly paths: ReadonlyMap<Sha, string> }>> {
  const paths = new Map<Sha, string>()
  const walked = await walk(deps, dir, range, ['--object-names'], signal, (line) => {
    const space = line.indexOf(' ')
    const blob = toSha(line.slice(0, space))
    if (blob !== undefined && blobs.has(blob)) paths.set(blob, line.slice(space + 1))
  })
  return walked.ok ? { ok: true, paths } : walked
}

async function walk(
  deps: RunDeps,
  dir: string,
  { heads, known }: HistoryRange,
  options: readonly string[],
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<GitOutcome<object>> {
  const result = await runGit(deps, {
    operation: 'rev-list',
    args: [...WALK.split(' '), ...options],
    gitDir: dir,
    input: [...heads, ...known.map((sha) => `^${sha}`), ''].join('\n'),
    signal,
    onLine,
  })
  if (result.kind === 'exited' && result.exitCode === 0) return { ok: true }
  if (result.kind === 'exited' && result.stderr.includes('filter-spec')) {
    return failed('lfs_unavailable', 'LFS objects need git 2.32 or newer on the machine of this service')
  }
  return { ok: false, failure: result.failure }
}

async function readBlobs(
  deps: RunDeps,
  dir: string,
  input: string,
  signal: AbortSignal,
  onBlob: (blob: Sha, content: Buffer) => void,
): Promise<GitOutcome<object>> {
  const reader = readObjects(onBlob)
  const result = await runGit(deps, {
    operation: 'cat-file',
    args: ['cat-file', '--batch', '--buffer'],
    gitDir: dir,
    input,
    signal,
    onBytes: reader.write,
  })
  if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
  const missing = reader.missing()
  return missing === undefined ? { ok: true } : failed('mirror_damaged', `missing blob ${missing}`)
}

// As git-lfs reads it; undefined: it is no pointer.
function parsePointer(content: Buffer): LfsPointer | undefined {
  const [, oid, size] = POINTER.exec(content.toString('latin1').trimStart()) ?? []
  return oid === undefined ? undefined : { oid, size: Number(size) }
}

/** Takes `<id> <type> <size> LF <content> LF`, again and again, however it is cut. */
function readObjects(onBlob: (blob: Sha, content: Buffer) => void): {
  readonly write: (chunk: Buffer) => void
  readonly missing: () => string | undefined
} {
  let rest: Buffer = Buffer.alloc(0)
  let missing: string | undefined
  return {
    missing: () => missing,
    write: (chunk) => {
      rest = Buffer.concat([rest, chunk])
      let start = 0
      for (;;) {
        const end = rest.indexOf(0x0a, start)
        if (end < 0) break
        const [id = '', type = '', length = ''] = rest.toString('latin1', start, end).split(' ')
        const size = type === 'missing' ? -1 : Number(length)
        if (type === 'missing') missing ??= id
        if (end + 1 + size + 1 > rest.length) break
        const sha = toSha(id)
        if (type === 'blob' && sha !== undefined) onBlob(sha, rest.subarray(end + 1, end + 1 + size))
        start = end + 1 + size + 1
      }
      rest = rest.subarray(start)
    },
  }
}
