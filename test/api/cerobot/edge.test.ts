import { expect, test } from 'vitest'
import { openWorld } from './world.ts'

test('what is no call, too large, or not allowed is told by HTTP, in the envelope', async () => {
  await using world = await openWorld({ AUTH: 'token', API_TOKEN: 'a-token-of-the-administrator' })
  const token = { authorization: 'Bearer a-token-of-the-administrator' }

  const answers = [
    await world.call('GET', '/nothing/here', undefined, token),
    await world.call('GET', '/repo', `{"page_num":"${'1'.repeat(100_000)}"}`, token),
    await world.call('PUT', '/repo/app', `{"enable":"${'1'.repeat(2_000_000)}"}`, token),
    await world.call('GET', '/repo'),
    await world.call('GET', '/repo', undefined, token),
  ]

  expect(answers.map(({ status, body }) => [status, body.code_status])).toEqual([
    [404, 10404],
    [413, 10413],
    [413, 10413],
    [401, 10401],
    [200, 0],
  ])
  for (const { body } of answers.slice(0, 4)) {
    expect(Object.keys(body)).toEqual(['code_status', 'data', 'total', 'msg', 'detail', 'hint'])
  }
})

test('names that only a database would mind are simply unknown', async () => {
  await using world = await openWorld()

  const answers = [
    await world.call('POST', '/repo/a%00b'),
    await world.call('GET', '/repo/a%00b/logs'),
    await world.call('GET', '/repo/logs', { repo_name: 'x,'.repeat(500) }),
    await world.call('POST', '/repo/%27%3B%20drop%20table%20binding%3B--'),
  ]

  expect(answers.map(({ body }) => body.code_status)).toEqual([10010, 0, 0, 10010])
  expect((await world.call('GET', '/repo')).body.code_status).toBe(0)
})
