import { lstat, readdir, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { switchBranch } from '../../src/git/switch-branch.ts'
import type { BranchSwitch } from '../../src/git/switch-branch.ts'
import { openTestGit } from '../rig/git-room.ts'
import { refName } from '../rig/git-world.ts'
import { bareRepository, localRepository, plantTraps } from '../rig/local-repository.ts'
import { createBareRepository, createFolder, createWorkRepository, git } from '../rig/repository.ts'
import type { WorkRepository } from '../rig/repository.ts'

async function createWorld(objectFormat: 'sha1' | 'sha256' = 'sha1') {
  const folder = await createFolder()
  const room = await openTestGit(folder.path)
  onTestFinished(async () => {
    await room[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })
  const work = await createWorkRepository(folder.path, objectFormat)
  return {
    folder: folder.path,
    room,
    work,
    switchTo: async (branch: string): Promise<BranchSwitch> => {
      const target = { ref: refName(`refs/heads/${branch}`), sha: await work.resolve(`refs/heads/${branch}`) }
      return switchBranch(room.git, localRepository(work.dir), target, new AbortController().signal)
    },
    status: () => git(work.dir, 'status', '--porcelain'),
    current: () => git(work.dir, 'symbolic-ref', '--short', 'HEAD'),
  }
}

/** `main` with one file, and `dev` where it differs and another one is added. */
async function commitTwo(work: WorkRepository): Promise<void> {
  await work.commit('first', { shared: 'one\n', gone: 'only on main\n' })
  await work.branch('dev')
  await rm(join(work.dir, 'gone'))
  await work.commit('second', { shared: 'two\n', 'deep/added': 'new\n' })
  await work.checkout('main')
}

test.each(['sha1', 'sha256'] as const)(
  'files and the current branch change together (%s)',
  async (format) => {
    const { work, switchTo, status, current } = await createWorld(format)
    await commitTwo(work)

    const there = await switchTo('dev')
    const onDev = await readFile(join(work.dir, 'shared'), 'utf8')
    const clean = await status()
    const back = await switchTo('main')

    expect([there, back]).toEqual([
      { kind: 'done', unfiltered: [] },
      { kind: 'done', unfiltered: [] },
    ])
    expect([onDev, clean, await current(), await status()]).toEqual(['two\n', '', 'main', ''])
    expect(await readFile(join(work.dir, 'gone'), 'utf8')).toBe('only on main\n')
    await expect(lstat(join(work.dir, 'deep/added'))).rejects.toThrow('ENOENT')
  },
)

test('nothing that the repository would have git run is run', async () => {
  const { work, switchTo, current } = await createWorld()
  await work.commit('first', { file: 'one\n', '.gitattributes': '*.bin filter=evil\n', 'a.bin': 'raw\n' })
  await work.branch('dev')
  await work.commit('second', { file: 'two\n', 'a.bin': 'raw two\n', 'b.bin': 'added\n' })
  await work.checkout('main')
  const traps = await plantTraps(work.dir)

  const switched = await switchTo('dev')

  expect(switched).toEqual({ kind: 'done', unfiltered: ['a.bin', 'b.bin'] })
  expect(await readFile(join(work.dir, 'a.bin'), 'utf8')).toBe('raw two\n')
  expect([await current(), traps.hasSprung()]).toEqual(['dev', false])
  await git(work.dir, 'status').catch(() => undefined)
  expect(traps.hasSprung()).toBe(true)
})

test('what is not committed is named, and nothing changes', async () => {
  const { work, switchTo, current, status } = await createWorld()
  await commitTwo(work)
  await writeFile(join(work.dir, 'shared'), 'mine\n')
  await rm(join(work.dir, 'gone'))
  await writeFile(join(work.dir, 'staged'), 'mine\n')
  await git(work.dir, 'add', 'staged')
  const before = await status()

  const refused = await switchTo('dev')

  expect(refused).toEqual({ kind: 'dirty', files: ['gone', 'shared', 'staged'] })
  expect([await current(), await status()]).toEqual(['main', before])
})

test('a file that git does not know is never overwritten, and one that is in nobody’s way stays', async () => {
  const { work, switchTo, current } = await createWorld()
  await commitTwo(work)
  await writeFile(join(work.dir, 'notes'), 'mine\n')
  const free = await switchTo('dev')
  await switchTo('main')
  await writeFile(join(work.dir, 'deep'), 'mine\n')

  const refused = await switchTo('dev')

  expect(free.kind).toBe('done')
  expect(refused).toEqual({ kind: 'in_the_way', files: ['deep/added'] })
  expect(await current()).toBe('main')
  expect(await readFile(join(work.dir, 'deep'), 'utf8')).toBe('mine\n')
  expect(await readFile(join(work.dir, 'notes'), 'utf8')).toBe('mine\n')
})

test('a file that was only touched counts as it was committed', async () => {
  const { work, switchTo } = await createWorld()
  await commitTwo(work)
  await utimes(join(work.dir, 'shared'), 1, 1)

  const switched = await switchTo('dev')

  expect(switched.kind).toBe('done')
})

test.each([
  ['MERGE_HEAD', 'merge'],
  ['rebase-merge', 'rebase'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['BISECT_LOG', 'bisect'],
])('with a %s the %s goes first', async (file, operation) => {
  const { work, switchTo } = await createWorld()
  await commitTwo(work)
  await writeFile(join(work.dir, '.git', file), '')

  const refused = await switchTo('dev')

  expect(refused).toEqual({ kind: 'unfinished', work: operation })
})

test('a switch that was cut off before it had its name is completed by the next one', async () => {
  const { work, switchTo, current, status } = await createWorld()
  await commitTwo(work)
  await git(work.dir, 'read-tree', '-m', '-u', 'main', 'dev')
  const half = await status()

  const switched = await switchTo('dev')

  expect(half).not.toBe('')
  expect(switched.kind).toBe('done')
  expect([await current(), await status()]).toEqual(['dev', ''])
})

test('an index in two halves is read as one', async () => {
  const { work, switchTo, status } = await createWorld()
  await commitTwo(work)
  await git(work.dir, 'update-index', '--split-index')

  const switched = await switchTo('dev')

  expect(switched.kind).toBe('done')
  expect(await status()).toBe('')
})

test('links are written as links, and submodules are left alone', async () => {
  const { work, switchTo, status } = await createWorld()
  await work.commit('first')
  await work.branch('dev')
  await symlink('first.txt', join(work.dir, 'link'))
  await git(work.dir, 'update-index', '--add', '--cacheinfo', `160000,${await work.resolve('HEAD')},sub`)
  await writeFile(
    join(work.dir, '.gitmodules'),
    '[submodule "sub"]\n\tpath = sub\n\turl = ext::sh -c touch% /tmp/x\n',
  )
  await git(work.dir, 'add', 'link', '.gitmodules')
  await git(work.dir, 'commit', '--quiet', '--message', 'links')
  await work.checkout('main')
  await rm(join(work.dir, 'sub'), { recursive: true, force: true })

  const switched = await switchTo('dev')

  expect(switched.kind).toBe('done')
  expect(await readlink(join(work.dir, 'link'))).toBe('first.txt')
  expect(await status()).toBe('')
})

test('line ends are written as the repository wants them', async () => {
  const { work, switchTo, status } = await createWorld()
  await commitTwo(work)
  await git(work.dir, 'config', 'core.autocrlf', 'true')
  await git(work.dir, 'rm', '-r', '-q', '--cached', '.')
  await git(work.dir, 'reset', '-q', '--hard')

  const switched = await switchTo('dev')

  expect(switched.kind).toBe('done')
  expect(await readFile(join(work.dir, 'shared'), 'utf8')).toBe('two\r\n')
  expect(await status()).toBe('')
})

test('from a branch without a commit and from none at all', async () => {
  const { work, switchTo, current } = await createWorld()
  await commitTwo(work)
  await git(work.dir, 'switch', '--quiet', '--orphan', 'empty')
  const fromEmpty = await switchTo('dev')
  await git(work.dir, 'checkout', '--quiet', '--detach', 'main')

  const fromDetached = await switchTo('dev')

  expect([fromEmpty.kind, fromDetached.kind, await current()]).toEqual(['done', 'done', 'dev'])
})

test('the way back to the last branch is remembered where people look for it', async () => {
  const { work, switchTo, current } = await createWorld()
  await commitTwo(work)

  await switchTo('dev')
  await git(work.dir, 'checkout', '--quiet', '-')

  expect(await current()).toBe('main')
})

test('a branch of another work tree stays there', async () => {
  const { folder, work, switchTo } = await createWorld()
  await commitTwo(work)
  const linked = join(folder, 'linked')
  await git(work.dir, 'worktree', 'add', '--quiet', linked, 'dev')

  const refused = await switchTo('dev')

  expect(refused).toEqual({ kind: 'in_use', folder: linked })
})

test('a sparse work tree, and one that is elsewhere, are left alone', async () => {
  const { folder, work, switchTo } = await createWorld()
  await commitTwo(work)
  await git(work.dir, 'config', 'core.worktree', folder)
  const elsewhere = await switchTo('dev')
  await git(work.dir, 'config', '--unset', 'core.worktree')
  await git(work.dir, 'config', 'core.sparseCheckout', 'true')

  const sparse = await switchTo('dev')

  expect([elsewhere, sparse]).toEqual([{ kind: 'work_tree_elsewhere' }, { kind: 'sparse' }])
})

test('somebody else’s lock is respected', async () => {
  const { work, switchTo, current } = await createWorld()
  await commitTwo(work)
  await writeFile(join(work.dir, '.git', 'index.lock'), '')

  const refused = await switchTo('dev')

  expect(refused).toMatchObject({ kind: 'failed', failure: { kind: 'mirror_busy' } })
  expect(await current()).toBe('main')
})

test('in a bare repository another branch becomes the current one', async () => {
  const { folder, room, work } = await createWorld()
  await commitTwo(work)
  const bare = join(folder, 'bare.git')
  await createBareRepository(bare)
  await work.push(bare, 'main:refs/heads/main', 'dev:refs/heads/dev')

  const target = { ref: refName('refs/heads/dev'), sha: await work.resolve('dev') }
  const switched = await switchBranch(room.git, bareRepository(bare), target, new AbortController().signal)

  expect(switched.kind).toBe('done')
  expect(await git(bare, 'symbolic-ref', 'HEAD')).toBe('refs/heads/dev')
})

test('no shadow stays behind', async () => {
  const { room, work, switchTo } = await createWorld()
  await commitTwo(work)

  await switchTo('dev')

  const left = await readdir(await room.git.runtimeDir())
  expect(left.filter((name) => name.startsWith('shadow-'))).toEqual([])
})
