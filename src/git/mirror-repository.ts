import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunDeps } from './git.ts'
import { runGit } from './git.ts'
import type { GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import type { Sha } from './refs.ts'
import { toSha } from './refs.ts'

// A bare repository that only this daemon uses: a mirror, or the one that keeps backups.
//
// Its refs carry names of ours, such as `refs/internal/heads/main`; callers build them from names that a
// parser has accepted. Calls that write hold the fence (see git.ts), calls that read do not need it.

export type ObjectFormat = 'sha1' | 'sha256'
type LocalRef = string

// Everything git may find in our configuration file. A line like `url.<x>.insteadOf` in it would divert a
// push, and no setting of a call stands above that, so the file is compared before remotes are involved.
const CONFIG: Readonly<Record<ObjectFormat, string>> = {
  sha1: '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n',
  sha256:
    '[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n',
}

/** Creates a bare repository, or completes one that was left half made. Starts no process. */
export async function initBare(dir: string, objectFormat: ObjectFormat = 'sha1'): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await mkdir(join(dir, 'objects', 'info'), { recursive: true })
  await mkdir(join(dir, 'objects', 'pack'), { recursive: true })
  await mkdir(join(dir, 'refs'), { recursive: true })
  await writeFile(join(dir, 'config'), CONFIG[objectFormat])
  await writeFile(join(dir, 'HEAD'), 'ref: refs/heads/main\n')
}

/** Removes from the configuration whatever is not ours. */
export async function restoreConfig(dir: string): Promise<void> {
  const path = join(dir, 'config')
  const text = await readFile(path, 'utf8').catch(() => '')
  if (text === CONFIG.sha1 || text === CONFIG.sha256) return
  await writeFile(path, /objectformat\s*=\s*sha256/i.test(text) ? CONFIG.sha256 : CONFIG.sha1)
}

/** Reads a ref without starting git. `damaged`: the ref is there, but what it holds is no object id. */
export async function readRef(dir: string, ref: LocalRef): Promise<Sha | 'damaged' | undefined> {
  const loose = await readIfFile(join(dir, ref))
  if (loose !== undefined) return toSha(loose.trim()) ?? 'damaged'
  const packed = (await readIfFile(join(dir, 'packed-refs'))) ?? ''
  const end = packed.indexOf(` ${ref}\n`)
  if (end < 0) return undefined
  return toSha(packed.slice(packed.lastIndexOf('\n', end) + 1, end)) ?? 'damaged'
}

async function readIfFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    // A folder stands where a ref of that name would, or a ref where its folder would.
    if (['ENOENT', 'EISDIR', 'ENOTDIR'].includes(errorCode(error))) return undefined
    throw new Error(`reading ${path}`, { cause: error })
  }
}

/** Whether two commits share any history. */
export async function isRelated(
  deps: RunDeps,
  dir: string,
  one: Sha,
  other: Sha,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly isRelated: boolean }>> {
  const args = ['merge-base', one, other]
  const result = await runGit(deps, { operation: 'merge-base', args, gitDir: dir, signal })
  if (result.kind === 'stopped' || result.exitCode > 1) return { ok: false, failure: result.failure }
  return { ok: true, isRelated: result.exitCode === 0 }
}

/** Every ref below a prefix such as `refs/internal/`. */
export async function listLocalRefs(
  deps: RunDeps,
  dir: string,
  prefix: string,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly refs: ReadonlyMap<LocalRef, Sha> }>> {
  const refs = new Map<LocalRef, Sha>()
  const result = await runGit(deps, {
    operation: 'for-each-ref',
    args: ['for-each-ref', '--format=%(objectname) %(refname)', '--', prefix],
    gitDir: dir,
    signal,
    onLine: (line) => {
      const space = line.indexOf(' ')
      const sha = toSha(line.slice(0, space))
      if (sha !== undefined) refs.set(line.slice(space + 1), sha)
    },
  })
  if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
  return { ok: true, refs }
}

/** Deletes refs; those that do not exist are deleted already. */
export async function deleteLocalRefs(
  deps: RunDeps,
  dir: string,
  refs: readonly LocalRef[],
  signal: AbortSignal,
): Promise<GitOutcome<object>> {
  if (refs.length === 0) return { ok: true }
  const result = await runGit(deps, {
    operation: 'update-ref',
    args: ['update-ref', '--no-deref', '-z', '--stdin'],
    gitDir: dir,
    fenced: true,
    input: refs.map((ref) => `delete ${ref}\0\0`).join(''),
    signal,
  })
  if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
  return { ok: true }
}

// Each fetch leaves a pack of its own, and git looks through all of them.
const MANY_PACKS = 50

/** Joins the packs of a mirror once there are many; a failure is left to the next time. */
export async function joinPacks(deps: RunDeps, dir: string, signal: AbortSignal): Promise<void> {
  const files = await readdir(join(dir, 'objects', 'pack'))
  if (files.filter((name) => name.endsWith('.pack')).length < MANY_PACKS) return
  const args = ['repack', '--geometric=2', '-d', '--quiet', '--no-write-bitmap-index']
  await runGit(deps, { operation: 'repack', args, gitDir: dir, fenced: true, signal })
}

/** Puts all refs into one file: git reads each of the others by itself, at every call. A failure changes nothing. */
export async function packRefs(deps: RunDeps, dir: string, signal: AbortSignal): Promise<void> {
  const args = ['pack-refs', '--all']
  await runGit(deps, { operation: 'pack-refs', args, gitDir: dir, fenced: true, signal })
}

const COPY =
  'fetch --quiet --no-tags --no-write-fetch-head --no-auto-maintenance --no-recurse-submodules'.split(' ')

/** An object, and the ref that is to name it in the other repository. */
export type Copy = { readonly sha: Sha; readonly ref: LocalRef }

/**
 * Copies objects of `dir` with everything they refer to into another bare repository and names them there, in
 * one call. Durable: they survive a power cut once it has returned. An existing name must lead to its object already.
 */
export async function copyTo(
  deps: RunDeps,
  dir: string,
  targetDir: string,
  copies: readonly Copy[],
  { durable, signal }: { readonly durable: boolean; readonly signal: AbortSignal },
): Promise<GitOutcome<object>> {
  await restoreConfig(targetDir)
  const result = await runGit(deps, {
    operation: 'copy',
    args: [...COPY, '--stdin', '--', `file://${encodeURI(dir)}`],
    gitDir: targetDir,
    fenced: true,
    input: copies.map(({ sha, ref }) => `${sha}:${ref}\n`).join(''),
    access: { protocol: 'file', settings: [], variables: {}, secrets: [] },
    durable,
    signal,
  })
  if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
  for (const { sha, ref } of copies) {
    if ((await readRef(targetDir, ref)) === sha) continue
    return failed('mirror_damaged', `${ref} does not hold what was copied`)
  }
  return { ok: true }
}

/** Frees the objects that no ref needs any more, and packs the rest. Durable. */
export async function dropUnreachable(
  deps: RunDeps,
  dir: string,
  signal: AbortSignal,
): Promise<GitOutcome<object>> {
  const args = ['gc', '--prune=now', '--quiet']
  const result = await runGit(deps, {
    operation: 'gc',
    args,
    gitDir: dir,
    fenced: true,
    durable: true,
    signal,
  })
  if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
  return { ok: true }
}

const TRIAL_COMMIT = (tree: string): string =>
  `tree ${tree}\nauthor reposync <reposync@localhost> 0 +0000\ncommitter reposync <reposync@localhost> 0 +0000\n\ntrial\n`

/** Writes a commit without files and without a past, for pushes that are never sent. */
export async function writeTrialCommit(
  deps: RunDeps,
  dir: string,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly sha: Sha }>> {
  const write = async (
    type: 'tree' | 'commit',
    input: string,
  ): Promise<GitOutcome<{ readonly sha: Sha }>> => {
    const args = ['hash-object', '-w', '-t', type, '--stdin']
    const result = await runGit(deps, { operation: 'hash-object', args, gitDir: dir, input, signal })
    if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
    const sha = toSha(result.stdout.trim())
    return sha === undefined ? failed('unknown', 'git named no object') : { ok: true, sha }
  }
  const tree = await write('tree', '')
  return tree.ok ? write('commit', TRIAL_COMMIT(tree.sha)) : tree
}

/** Looks at the frame of a repository and at what its refs point at, not at every object. */
export async function checkHealth(
  deps: RunDeps,
  dir: string,
  signal: AbortSignal,
): Promise<'ok' | 'missing' | 'damaged' | 'canceled'> {
  if ((await statOf(dir)) === undefined) return 'missing'
  const head = await readIfFile(join(dir, 'HEAD'))
  const [objects, refs] = await Promise.all([statOf(join(dir, 'objects')), statOf(join(dir, 'refs'))])
  if (head !== 'ref: refs/heads/main\n' || objects !== 'folder' || refs !== 'folder') return 'damaged'
  const result = await runGit(deps, {
    operation: 'for-each-ref',
    args: ['for-each-ref', '--format=%(objecttype)'],
    gitDir: dir,
    signal,
    onLine: () => {},
  })
  if (result.kind === 'stopped') return 'canceled'
  // Git only warns about a ref that holds nothing, and leaves it out.
  return result.exitCode === 0 && result.stderr === '' ? 'ok' : 'damaged'
}

async function statOf(path: string): Promise<'folder' | 'file' | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return undefined
  return found.isDirectory() ? 'folder' : 'file'
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
