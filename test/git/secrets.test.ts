import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fetchRefs, listRefs, pushRefs } from '../../src/git/remote.ts'
import { openGitWorld, PASSWORD, refName } from '../rig/git-world.ts'
import { findProcesses } from '../rig/processes.ts'

const { signal } = new AbortController()
const MAIN = refName('refs/heads/main')
const BASE64 = Buffer.from(`${PASSWORD.username}:${PASSWORD.password}`).toString('base64')
const FORMS = [PASSWORD.password, encodeURIComponent(PASSWORD.password), BASE64]

test('no process shows a secret in its arguments', async () => {
  await using world = await openGitWorld()
  const first = await world.work.commit('first')
  await world.mirrorWork()
  const hold = world.server.hold('receive-pack')

  const pushing = pushRefs(world.room.git, world.mirror, world.remote, [{ ref: MAIN, sha: first }], {
    signal,
  })
  await hold.reached
  const running = await findProcesses(world.server.origin)
  const everything = (await findProcesses('')).map(({ command }) => command).join('\n')
  hold.release()
  await pushing

  expect(running.length).toBeGreaterThan(1)
  for (const form of FORMS) expect(everything).not.toContain(form)
})

test('a server that repeats the secret does not bring it into a message', async () => {
  await using world = await openGitWorld()
  const { room, server, remote, work, mirror } = world
  const first = await work.commit('first')
  await world.mirrorWork()
  const body = `your token ${FORMS.join(' and ')} \u001b[31mis\u001b]0;title\u0007 wrong\u0085\n`
  server.fault('*', { kind: 'status', status: 403, headers: { 'content-type': 'text/plain' }, body })
  const progress: string[] = []
  const options = { signal, onProgress: (text: string) => void progress.push(text) }

  const outcomes = await Promise.all([
    listRefs(room.git, remote, options),
    fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, options),
  ])
  const pushed = await pushRefs(room.git, mirror, remote, [{ ref: MAIN, sha: first }], options)

  for (const outcome of [...outcomes, pushed]) {
    const detail = outcome.ok ? '' : outcome.failure.detail
    expect(detail).toContain('your token *** and *** and *** is wrong')
    for (const form of FORMS) expect(detail).not.toContain(form)
    expect(detail).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
  }
  expect(progress.join('\n')).not.toContain(PASSWORD.password)
})

test('nothing of a credential is left in the mirror or in the runtime folder', async () => {
  await using world = await openGitWorld()
  const { room, app, remote, work, mirror } = world
  const first = await work.commit('first')
  await work.push(app.dir, 'main')

  await fetchRefs(room.git, mirror, remote, { allInto: 'refs/internal' }, { signal })
  await pushRefs(room.git, mirror, remote, [{ ref: refName('refs/heads/b'), sha: first }], { signal })

  const files = await Promise.all([mirror, await room.git.runtimeDir()].map(readAll))
  for (const form of FORMS) expect(files.join('\n')).not.toContain(form)
})

async function readAll(dir: string): Promise<string> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const texts = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')))
  return texts.join('\n')
}
