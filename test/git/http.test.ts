import { join } from 'node:path'
import { expect, test } from 'vitest'
import { initBare, readRef } from '../../src/git/mirror-repository.ts'
import { toRefName } from '../../src/git/refs.ts'
import type { RefName } from '../../src/git/refs.ts'
import { fetchRefs, listRefs, pushRefs } from '../../src/git/remote.ts'
import { openTestGit } from '../rig/git-room.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import { createFolder, createWorkRepository, readRefs, remoteUrl } from '../rig/repository.ts'

const { signal } = new AbortController()

function ref(name: string): RefName {
  const parsed = toRefName(name)
  if (parsed === undefined) throw new Error(`not a ref name: ${name}`)
  return parsed
}

test('a branch travels from one password-protected server to another in two git calls', async () => {
  await using folder = await createFolder()
  await using room = await openTestGit(folder.path)
  await using server = await startGitHttpServer({ username: 'ada', password: 'pa:ss w%rd' })
  const [source, target] = [await server.createRepository('a'), await server.createRepository('b')]
  const work = await createWorkRepository(folder.path)
  const first = await work.commit('first')
  await work.push(source.dir, 'main')
  const credential = { kind: 'password', username: 'ada', password: 'pa:ss w%rd' } as const
  const mirror = join(folder.path, 'mirror.git')
  await initBare(mirror)

  const listed = await listRefs(room.git, { url: remoteUrl(source.url), credential }, { signal })
  const fetched = await fetchRefs(
    room.git,
    mirror,
    { url: remoteUrl(source.url), credential },
    [{ source: ref('refs/heads/main'), target: 'refs/internal/heads/main' }],
    { signal },
  )
  const pushed = await pushRefs(
    room.git,
    mirror,
    { url: remoteUrl(target.url), credential },
    [{ ref: ref('refs/heads/main'), sha: first }],
    { signal },
  )

  expect(listed).toEqual({ ok: true, refs: new Map([['refs/heads/main', first]]), head: 'refs/heads/main' })
  expect(fetched).toEqual({ ok: true })
  expect(pushed).toEqual({
    ok: true,
    results: new Map([['refs/heads/main', { status: 'ok', kind: null, reason: null }]]),
  })
  expect(await readRef(mirror, 'refs/internal/heads/main')).toBe(first)
  expect((await readRefs(target.dir)).get('refs/heads/main')).toBe(first)
  expect(room.operations).toEqual(['ls-remote', 'fetch', 'push'])
  expect(server.requests.every(({ authorization }) => authorization !== undefined)).toBe(true)
})
