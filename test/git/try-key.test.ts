import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { tryKey } from '../../src/git/try-key.ts'
import { createTestClock } from '../rig/clock.ts'
import { openTestGit } from '../rig/git-room.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import { waitForProcesses } from '../rig/processes.ts'
import { createFolder, remoteUrl } from '../rig/repository.ts'

test('a server that takes the connection and says nothing has ten seconds', async () => {
  await using folder = await createFolder()
  const clock = createTestClock()
  await using room = await openTestGit(folder.path, { clock })
  const sockets: Socket[] = []
  const silent = createServer((socket) => {
    sockets.push(socket)
    clock.advance(10_000)
  })
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const address = silent.address()
  const port = typeof address === 'object' ? address?.port : undefined

  const outcome = await tryKey(room.git, remoteUrl(`ssh://git@127.0.0.1:${String(port)}/app.git`), 'no key')

  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'timed_out' } })
  await waitForProcesses(await room.git.runtimeDir(), (processes) => processes.length === 0)
  for (const socket of sockets) socket.destroy()
  silent.close()
})

test('a test leaves no shared connection behind', async () => {
  await using folder = await createFolder()
  await using server = await startGitSshServer()
  await using room = await openTestGit(folder.path)
  const app = await server.createRepository('app')

  const outcomes = [
    await tryKey(room.git, remoteUrl(app.url), server.userKey),
    await tryKey(room.git, remoteUrl(app.url), server.userKey),
  ]

  expect(outcomes).toEqual([{ ok: true }, { ok: true }])
  expect(server.log().split('Accepted publickey').length - 1).toBe(2)
})
