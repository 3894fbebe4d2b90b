import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { findPlace } from '../../src/repository/place.ts'
import type { PlaceRules } from '../../src/repository/place.ts'
import { createBareRepository, createFolder, createWorkRepository, git } from '../rig/repository.ts'

async function createWorld(rules: Partial<PlaceRules> = {}) {
  const folder = await createFolder()
  onTestFinished(() => folder[Symbol.asyncDispose]())
  const [inside, outside, own] = ['inside', 'outside', 'own'].map((name) => join(folder.path, name))
  if (inside === undefined || outside === undefined || own === undefined) throw new Error('no folders')
  await Promise.all([inside, outside, own].map((path) => mkdir(path)))
  const all: PlaceRules = {
    roots: [inside],
    allowsAny: false,
    ownFolders: [own],
    owner: process.getuid?.(),
    ...rules,
  }
  return {
    inside,
    outside,
    own,
    folder: folder.path,
    find: async (path: string) => {
      const place = await findPlace(all, path)
      return place.kind === 'ok' ? place.repository : place.problem
    },
  }
}

test('a repository with a work tree, a bare one and a linked work tree are found with their folders', async () => {
  const { inside, find } = await createWorld()
  const work = await createWorkRepository(inside)
  await work.commit('first')
  const bare = join(inside, 'bare.git')
  await createBareRepository(bare)
  const linked = join(inside, 'linked')
  await git(work.dir, 'worktree', 'add', '--quiet', '-b', 'other', linked)

  const found = [await find(work.dir), await find(bare), await find(linked)]

  const gitDir = join(work.dir, '.git')
  const objectsDir = join(gitDir, 'objects')
  expect(found).toEqual([
    { path: work.dir, gitDir, commonDir: gitDir, objectsDir, workTree: work.dir },
    { path: bare, gitDir: bare, commonDir: bare, objectsDir: join(bare, 'objects'), workTree: undefined },
    {
      path: linked,
      gitDir: join(gitDir, 'worktrees/linked'),
      commonDir: gitDir,
      objectsDir,
      workTree: linked,
    },
  ])
})

test('what is no repository is told apart', async () => {
  const { inside, find } = await createWorld()
  const work = await createWorkRepository(inside)
  await mkdir(join(work.dir, 'below'))
  await mkdir(join(inside, 'plain'))
  await writeFile(join(inside, 'file'), '')

  const problems = [
    await find(join(inside, 'nothing')),
    await find(join(inside, 'file')),
    await find(join(inside, 'plain')),
    await find(join(work.dir, 'below')),
    await find(join(work.dir, '.git')),
  ]

  expect(problems).toEqual(['missing', 'missing', 'not_git', 'not_top', 'not_top'])
})

test('outside of the roots nothing is found, and nothing is told of what is there', async () => {
  const { inside, outside, find } = await createWorld()
  const work = await createWorkRepository(outside)
  await symlink(work.dir, join(inside, 'link'))

  const problems = [
    await find(work.dir),
    await find(join(outside, 'nothing')),
    await find(join(inside, 'link')),
    await find(`${inside}-beside`),
    await find('/'),
  ]

  expect(problems).toEqual(Array.from({ length: 5 }, () => 'outside_roots'))
})

test('a link into a root is followed, also when the root itself is one', async () => {
  const { inside, folder, find } = await createWorld()
  const work = await createWorkRepository(inside)
  await symlink(work.dir, join(folder, 'into'))
  const real = join(folder, 'real')
  await rename(inside, real)
  await symlink(real, inside)

  const found = await find(join(folder, 'into'))

  expect(found).toMatchObject({ path: work.dir.replace(inside, real) })
})

test('nothing of a repository may lead out of the roots', async () => {
  const { inside, outside, find } = await createWorld()
  const secret = await createWorkRepository(outside)
  await secret.commit('secret')
  const secretGit = join(secret.dir, '.git')
  const byFile = join(inside, 'by-file')
  await mkdir(byFile)
  await writeFile(join(byFile, '.git'), `gitdir: ${secretGit}\n`)
  const byLink = join(inside, 'by-link')
  await mkdir(byLink)
  await symlink(secretGit, join(byLink, '.git'))
  const byObjects = await createWorkRepository(inside)
  await git(byObjects.dir, 'config', 'gc.auto', '0')
  await rename(join(byObjects.dir, '.git/objects'), join(inside, 'objects'))
  await symlink(join(secretGit, 'objects'), join(byObjects.dir, '.git/objects'))
  const byAlternates = await createWorkRepository(inside)
  await writeFile(join(byAlternates.dir, '.git/objects/info/alternates'), `${secretGit}/objects\n`)
  const byCommonDir = join(inside, 'by-common.git')
  await createBareRepository(byCommonDir)
  await writeFile(join(byCommonDir, 'commondir'), secretGit)
  const byRefs = await createWorkRepository(inside)
  await rm(join(byRefs.dir, '.git/refs/heads'), { recursive: true })
  await symlink(join(secretGit, 'refs/heads'), join(byRefs.dir, '.git/refs/heads'))

  const problems = await Promise.all(
    [byFile, byLink, byObjects.dir, byAlternates.dir, byCommonDir, byRefs.dir].map(find),
  )

  expect(problems).toEqual(Array.from({ length: 6 }, () => 'outside_roots'))
})

test('alternates inside of the roots are followed as far as git does', async () => {
  const { inside, outside, find } = await createWorld()
  const [near, middle] = [await createWorkRepository(inside), await createWorkRepository(inside)]
  const far = await createWorkRepository(outside)
  await writeFile(join(near.dir, '.git/objects/info/alternates'), `${middle.dir}/.git/objects\n`)
  const allowed = await find(near.dir)

  await writeFile(join(middle.dir, '.git/objects/info/alternates'), `${far.dir}/.git/objects\n`)
  const refused = await find(near.dir)

  expect(allowed).toMatchObject({ path: near.dir })
  expect(refused).toBe('outside_roots')
})

test('without roots every repository of this user will do, or none at all', async () => {
  const any = await createWorld({ roots: [], allowsAny: true })
  const none = await createWorld({ roots: [], allowsAny: false })
  const work = await createWorkRepository(any.outside)

  const found = [
    await any.find(work.dir),
    await any.find(join(any.outside, 'nothing')),
    await none.find(work.dir),
  ]

  expect(found).toEqual([expect.objectContaining({ path: work.dir }), 'missing', 'no_roots'])
})

test('folders of this service are not for anybody to register', async () => {
  const { own, find } = await createWorld({ roots: [], allowsAny: true })
  const mirror = join(own, 'binding-1.git')
  await createBareRepository(mirror)

  const problem = await find(mirror)

  expect(problem).toBe('own_folder')
})

test('a repository of another user is refused', async () => {
  const { inside, find } = await createWorld({ owner: 65_534 })
  const work = await createWorkRepository(inside)

  const problem = await find(work.dir)

  expect(problem).toBe('foreign_owner')
})
