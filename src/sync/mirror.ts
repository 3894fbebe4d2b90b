import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Side } from '../binding/binding.ts'
import { checkHealth, initBare } from '../git/mirror-repository.ts'
import type { RefName } from '../git/refs.ts'
import type { SyncContext, SyncDeps } from './context.ts'
import { removeLeftovers } from './fence.ts'

// The mirror: the daemon's own bare repository for a subject. It is a cache. Whatever is wrong with it,
// it may be thrown away and fetched again, and no head of a remote is ever judged by what it holds.

/** Where the mirror keeps a head of a side; outside `refs/heads`, so that nothing takes it for its own. */
export function trackingRef(side: Side, ref: RefName): string {
  return ref.replace(/^refs\//, `refs/${side}/`)
}

/** The repository of a subject inside a folder. Names never become paths, only kinds and numbers do. */
export function repositoryDir(folder: string, subject: string): string {
  if (!/^[a-z]+:\d+$/.test(subject)) throw new Error(`a subject looks like binding:12, not like ${subject}`)
  return join(folder, `${subject.replace(':', '-')}.git`)
}

/** Removes the mirror of a subject that nothing works on; its backups stay. */
export async function removeMirror(deps: Pick<SyncDeps, 'syncDir'>, subject: string): Promise<void> {
  const mirror = repositoryDir(deps.syncDir, subject)
  const folders = [mirror, asideOf(mirror), pushWindow(mirror)]
  await Promise.all([...folders, `${mirror}.lock`, `${pushWindow(mirror)}.lock`].map(remove))
}

/**
 * A repository without refs that shows the objects of the mirror. Git matches every pushed name with every ref
 * it finds, so pushing thousands out of a mirror that remembers thousands would take it many seconds.
 */
export function pushWindow(mirror: string): string {
  return mirror.replace(/\.git$/, '.window.git')
}

/** Makes sure that there is a mirror; after a use that did not end well, without what a dead git left in it. */
export async function openMirror(context: SyncContext, wasLeftClean: boolean): Promise<void> {
  // Git's own folder lies beside the mirrors: where all of it was removed, it is made again with its checks.
  await context.deps.git.runtimeDir()
  if (!(await exists(join(context.mirror, 'HEAD')))) {
    context.log('INFO', '初始化仓库 *********')
    await replaceMirror(context.mirror)
  } else if (!wasLeftClean) {
    await remove(asideOf(context.mirror))
    await removeLeftovers(context)
  }
  await openWindow(context.mirror)
}

async function openWindow(mirror: string): Promise<void> {
  const window = pushWindow(mirror)
  const alternates = join(window, 'objects', 'info', 'alternates')
  const shown = `../../${basename(mirror)}/objects\n`
  const found = await Promise.all([
    exists(join(window, 'HEAD')),
    readFile(alternates, 'utf8').catch(() => ''),
  ])
  if (found[0] && found[1] === shown) return
  await remove(window)
  await initBare(window)
  await writeFile(alternates, shown)
}

/** Whether git cannot work with the mirror, as far as a quick look tells. */
export async function isDamaged({ deps, mirror, signal, timed }: SyncContext): Promise<boolean> {
  const health = await timed('check', () => checkHealth(deps.git, mirror, signal))
  return health === 'damaged' || health === 'missing'
}

/** Puts an empty mirror in the place of a damaged one. */
export async function rebuildMirror(context: SyncContext): Promise<void> {
  context.deps.logger.warn({ subject: context.request.subject }, 'a damaged mirror is built again')
  context.log('INFO', '本地镜像已损坏，重新建立 / the local mirror was damaged and is built again')
  await remove(pushWindow(context.mirror))
  await replaceMirror(context.mirror)
  await openWindow(context.mirror)
}

// The old one goes aside first: a crash in between leaves no mirror, which is as good as a new one.
async function replaceMirror(mirror: string): Promise<void> {
  const aside = asideOf(mirror)
  await remove(aside)
  if (await exists(mirror)) await rename(mirror, aside)
  await initBare(mirror)
  await remove(aside)
}

function asideOf(mirror: string): string {
  return `${mirror}.damaged`
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
