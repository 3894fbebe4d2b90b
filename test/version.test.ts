import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { readVersion } from '../src/version.ts'
import { openWorld, textLike } from './api/v1/admin-world.ts'
import { createFolder, createWorkRepository, git } from './rig/repository.ts'

async function releaseIn(dir: string): Promise<void> {
  await writeFile(join(dir, 'package.json'), JSON.stringify({ name: 'x', version: '1.2.3' }))
}

test('the API tells the version of the package, the commit of the checkout, git and node', async () => {
  await using world = await openWorld()

  const { status, data } = await world.call('GET', '/system/version')

  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile('package.json', 'utf8')))
  // The tests may also run from an archive.
  const isCheckout = existsSync('.git')
  expect(status).toBe(200)
  expect(data).toEqual({
    version: `v${version}`,
    build_time: isCheckout ? textLike(/^\d{4}-\d\d-\d\dT[\d:]{8}\.000Z$/) : null,
    git_commit: isCheckout ? await git('.', '-c', 'safe.directory=*', 'rev-parse', 'HEAD') : null,
    git_version: textLike(/^\d+\.\d+/),
    node: process.version,
  })
})

test('a checkout is described by its commit and the time of it', async () => {
  await using folder = await createFolder()
  const { dir, commit } = await createWorkRepository(folder.path)
  await releaseIn(dir)
  const sha = await commit('release')
  const time = await git(dir, 'log', '-1', '--format=%ct')

  const version = await readVersion(dir)

  expect(version).toEqual({
    version: 'v1.2.3',
    commit: sha,
    buildTime: new Date(Number(time) * 1000).toISOString(),
  })
})

test('what the building of an image has noted stands above a checkout', async () => {
  await using folder = await createFolder()
  const { dir, commit } = await createWorkRepository(folder.path)
  await releaseIn(dir)
  await commit('release')
  const write = (build: unknown): Promise<void> => writeFile(join(dir, 'build.json'), JSON.stringify(build))

  await write({ git_commit: 'abc123', build_time: '2026-01-31T12:00:00Z' })
  const known = await readVersion(dir)
  await write({ git_commit: '', build_time: '2026-01-31T12:00:00Z' })
  const unknown = await readVersion(dir)

  expect(known).toEqual({ version: 'v1.2.3', commit: 'abc123', buildTime: '2026-01-31T12:00:00Z' })
  expect(unknown.commit).toBeNull()
})

test('a folder inside the repository of something else has no commit', async () => {
  await using folder = await createFolder()
  const { dir, commit } = await createWorkRepository(folder.path)
  await commit('of something else')
  const installed = join(dir, 'node_modules', 'reposync')
  await mkdir(installed, { recursive: true })
  await releaseIn(installed)

  const version = await readVersion(installed)

  expect(version).toEqual({ version: 'v1.2.3', commit: null, buildTime: null })
})
