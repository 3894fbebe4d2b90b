import { expect, test } from 'vitest'
import { readRefs } from '../../rig/repository.ts'
import { PAIR, aText, bindBranches, create, openWorld, repoBody } from './world.ts'

test('parameters that do not fit are refused before anything is done', async () => {
  await using world = await openWorld()
  const requests = [
    ...['0', '-1', '1.5', 'ten', '99999999999999999999'].map((page) => `GET /repo?page_num=${page}`),
    ...['0', 'ten'].map((size) => `GET /repo?page_size=${size}`),
    'GET /repo?create_sort=id%3Bdrop',
    'GET /repo/logs?branch_id=1,x',
    'GET /repo/logs?branch_id=-1',
    `GET /repo/logs?branch_id=${'1,'.repeat(1001)}`,
    `GET /repo/logs?repo_name=${Array.from({ length: 1001 }, (_, n) => n).join(',')}`,
    'PUT /repo/app',
    'PUT /repo/app?enable=maybe',
    'PUT /repo/app?enable=2',
    'POST /repo/app?force_flag=maybe',
    'POST /app/branch/main',
  ]

  const fitting: string[] = []
  for (const request of requests) {
    const [method = '', path = ''] = request.split(' ')
    const { status, body } = await world.call(method, path)
    if (status !== 422 || body['code'] !== 422) fitting.push(request)
  }

  expect(fitting).toEqual([])
})

test.each([
  ['a missing field', { enable: true }, ['body', 'repo_name'], 'value_error.missing'],
  ['an unknown field', { ...repoBody('x', PAIR), is_admin: true }, ['body', 'is_admin'], 'value_error.extra'],
  ['a wrong type', repoBody('x', PAIR, { enable: {} }), ['body', 'enable'], 'type_error'],
  ['a number as a name', repoBody('x', PAIR, { repo_name: 7 }), ['body', 'repo_name'], 'type_error'],
  ['no JSON', '{"repo_name":', ['body'], 'value_error.jsondecode'],
  ['a list', '[]', ['body'], 'value_error.jsondecode'],
  ['a key of every object', '{"__proto__":{"enable":true}}', ['body', 'enable'], 'value_error.missing'],
])('a body with %s is answered in the documented form', async (_, sent, loc, type) => {
  await using world = await openWorld()

  const { status, body } = await world.call('POST', '/repo', sent)

  expect(status).toBe(422)
  expect(body).toMatchObject({ code: 422, msg: aText, success: false, finished: true })
  expect(body.data).toContainEqual({ loc, msg: aText, type })
})

test('a refused body is not repeated in the answer', async () => {
  await using world = await openWorld()

  const answers = [
    await create(world, 'app', { inter_token: { token: 'hunter2' } }),
    await create(world, 'app', { internal_repo_address: 'https://user:hunter2@h/o/r' }),
  ]

  expect(answers.map(({ status }) => status)).toEqual([422, 200])
  expect(JSON.stringify(answers)).not.toContain('hunter2')
})

test('booleans and numbers may be text, and words may stand for numbers', async () => {
  await using world = await openWorld()
  const spellings = [
    { enable: 1, sync_granularity: '1', sync_direction: '2' },
    { enable: 'True', sync_granularity: 'all', sync_direction: 'to_inter' },
    { enable: 'yes', sync_granularity: 1, sync_direction: 2 },
  ]

  const data: unknown[] = []
  for (const [index, spelling] of spellings.entries()) {
    data.push((await create(world, `repo-${index}`, spelling)).body.data)
  }

  const expected = { enable: true, sync_granularity: 'all', sync_direction: 'to_inter' }
  expect(data).toMatchObject(spellings.map(() => expected))
})

test('a form is accepted, and JSON that calls itself one', async () => {
  await using world = await openWorld()
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  await create(world, 'app')

  const answers = [
    await world.call('PUT', '/repo/app', 'enable=false', form),
    await world.call('PUT', '/repo/app', '{"enable":true}', form),
  ]

  expect(answers.map(({ body }) => body.code_status)).toEqual([0, 0])
  expect((await world.call('GET', '/repo')).body.data).toMatchObject([{ enable: true }])
})

test('JSON with a slip in it is not taken for a form, and nothing of it comes back', async () => {
  await using world = await openWorld()
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  await create(world, 'app')

  const { status, body } = await world.call('PUT', '/repo/app/repo_addr', '{"inter_token": "hidden",}', form)

  expect(status).toBe(422)
  expect(JSON.stringify(body)).toContain('value_error.jsondecode')
  expect(JSON.stringify(body)).not.toContain('hidden')
})

test('the fields that the path already names may stand in the body too', async () => {
  await using world = await openWorld()
  const { internal, external, commit } = await bindBranches(world)

  const answers = [
    await world.call('PUT', '/repo/app', { repo_name: 'app', enable: true }),
    await world.call('PUT', '/app/branch/inner', { repo_name: 'app', branch_name: 'inner', enable: true }),
    await world.call('POST', '/app/branch/inner', { repo_name: 'app', branch_name: 'inner', sync_direct: 1 }),
    await world.call('GET', '/app/branch', { repo_name: 'app', page_num: 1 }),
    await world.call('DELETE', '/app/branch/inner', { repo_name: 'app', branch_name: 'inner' }),
  ]

  expect(answers.map(({ body }) => body.code_status)).toEqual([0, 0, 0, 0, 0])
  expect((await readRefs(internal)).get('refs/heads/inner')).toBe(commit)
  expect((await readRefs(external)).get('refs/heads/outer')).toBe(commit)
})
