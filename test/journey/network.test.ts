import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createAuthority } from '../rig/certificate.ts'
import type { Authority } from '../rig/certificate.ts'
import { startFakeGitea } from '../rig/fake-forge-gitea.ts'
import { startForwardProxy } from '../rig/forward-proxy.ts'
import type { ForwardProxy } from '../rig/forward-proxy.ts'
import { startGitHttpServer } from '../rig/git-http-server.ts'
import type { GitHttpServer, ServedRepository } from '../rig/git-http-server.ts'
import { expectSuccess, headOf, PASSWORDS, pushTo, runOf, startJourney } from '../rig/journey.ts'
import type { Journey } from '../rig/journey.ts'
import { commandLines } from '../rig/leftovers.ts'
import { createFolder } from '../rig/repository.ts'
import { TOKEN, wordsOf } from './hooks-world.ts'

// A company with a forge of its own, whose certificate only the company vouches for, and a way out that
// leads through a proxy with a password. What leads elsewhere is planted all around.

const NAME = 'git.corp.example'
const LOGIN = { username: 'ann', password: 'planted proxy pass%' }
const PLANTED: readonly string[] = [
  LOGIN.password,
  encodeURIComponent(LOGIN.password),
  Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64'),
]
const NOWHERE = 'http://127.0.0.1:9'
const MISLEADING = {
  ...Object.fromEntries(
    ['http_proxy', 'https_proxy', 'all_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map((name) => [name, NOWHERE]),
  ),
  no_proxy: NAME,
  NO_PROXY: '*',
  NODE_USE_ENV_PROXY: '1',
  NODE_TLS_REJECT_UNAUTHORIZED: '0',
  GIT_SSL_NO_VERIFY: '1',
}

type Company = AsyncDisposable & {
  readonly journey: Journey
  readonly proxy: ForwardProxy
  readonly corp: Authority
  /** On this machine, with a certificate that the system trusts. */
  readonly inner: ServedRepository
  /** Behind the proxy, with one that the company vouches for. */
  readonly outer: ServedRepository
  readonly outerServer: GitHttpServer
}

/** Binds `app`. `ca` and `proxy` are the settings, made from the file and the proxy that are right. */
async function startCompany({
  ca = (file) => `*=${file}`,
  proxy: proxySetting = (url) => `*.corp.example=${url}`,
  env = {},
}: {
  readonly ca?: (file: string) => string
  readonly proxy?: (url: string) => string
  readonly env?: Readonly<Record<string, string>>
} = {}): Promise<Company> {
  await using stack = new AsyncDisposableStack()
  const [system, corp] = [createAuthority('System CA'), createAuthority('Corp CA')]
  const folder = stack.use(await createFolder()).path
  await writeFile(join(folder, 'system.pem'), system.cert)
  await writeFile(join(folder, 'corp.pem'), corp.cert)
  const proxy = stack.use(await startForwardProxy({ names: [NAME], ...LOGIN }))
  const innerServer = stack.use(
    await startGitHttpServer({ ...PASSWORDS.inner, tls: system.issue('127.0.0.1') }),
  )
  const outerServer = stack.use(await startGitHttpServer({ ...PASSWORDS.outer, tls: corp.issue(NAME) }))
  const journey = stack.use(
    await startJourney({
      ...MISLEADING,
      SYNC_ATTEMPTS: '1',
      LOG_LEVEL: 'trace',
      SSL_CERT_FILE: join(folder, 'system.pem'),
      HOST_CA: ca(join(folder, 'corp.pem')),
      HOST_PROXY: proxySetting(proxy.url),
      ...env,
    }),
  )
  const inner = await innerServer.createRepository('team/app')
  const served = await outerServer.createRepository('team/app')
  const outer = { ...served, url: served.url.replace('127.0.0.1', NAME) }
  await journey.bind('app', { internal_repo_address: inner.url, external_repo_address: outer.url })
  const owned = stack.move()
  return {
    journey,
    proxy,
    corp,
    inner,
    outer,
    outerServer,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

test('a push travels through a proxy with a password to a host with a private certificate', async () => {
  await using company = await startCompany()
  const { journey, proxy, inner, outer, outerServer } = company
  const commit = await journey.work.commit('first')
  await journey.work.push(inner.dir, 'HEAD:refs/heads/main')
  const hold = outerServer.hold('receive-pack')

  const { body } = await journey.daemon.deliver(pushTo('gitea', inner, 'main', commit))
  await hold.reached
  const seen = (await commandLines()).join('\n')
  hold.release()
  const run = await journey.daemon.runEnded(runOf(body))
  const listing = await journey.daemon.call('POST', '/cerobot/sync/repo/app')

  expect(run).toMatchObject({ status: 'succeeded' })
  expect(await headOf(outer, 'main')).toBe(commit)
  expectSuccess(listing.body)
  expect(new Set(proxy.requests.map(({ method, target }) => `${method} ${target}`))).toEqual(
    new Set([`CONNECT ${NAME}:${outerServer.port}`]),
  )
  const { username, password } = PASSWORDS.outer
  for (const secret of [password, Buffer.from(`${username}:${password}`).toString('base64')]) {
    expect(proxy.heard()).not.toContain(secret)
  }
  expect(seen).toContain(NAME)
  const told = [seen, journey.daemon.output(), JSON.stringify([body, run, listing.body])].join('\n')
  expect(PLANTED.filter((secret) => told.includes(secret))).toEqual([])
})

test('the API of a forge is asked through the proxy, and its certificate is checked like that of git', async () => {
  await using company = await startCompany({ env: { PUBLIC_URL: 'http://127.0.0.1:38080' } })
  const { journey, proxy, corp, inner, outer } = company
  const fake = { kind: 'gitea', token: TOKEN, fullName: 'team/app', cloneUrl: outer.url } as const
  await using forge = await startFakeGitea({ ...fake, tls: corp.issue(NAME) })
  await using direct = await startFakeGitea({ ...fake, cloneUrl: inner.url })
  await using stranger = await startFakeGitea({ ...fake, tls: createAuthority('Other').issue(NAME) })
  const register = ({ origin }: { readonly origin: string }, side = 'external') =>
    journey.daemon.call('POST', '/api/v1/bindings/app/hooks', {
      side,
      forge: 'gitea',
      api_token: TOKEN,
      api_url: `${side === 'external' ? origin.replace('127.0.0.1', NAME) : origin}/api/v1`,
    })

  const straight = await register(direct, 'internal')
  const untrusted = await register(stranger)
  const registered = await register(forge)
  proxy.failWith(407)
  const refused = await register(forge)

  expect(straight).toMatchObject({ status: 201, body: { data: { done: 'created' } } })
  expect(registered).toMatchObject({ status: 201, body: { data: { done: 'created' } } })
  expect(forge.hooks()).toHaveLength(1)
  expect(untrusted).toMatchObject({ status: 503 })
  expect(wordsOf(untrusted)).toMatch(/certificate of the forge is not trusted.*HOST_CA/)
  expect(stranger.requests).toEqual([])
  expect(refused).toMatchObject({ status: 503 })
  expect(wordsOf(refused)).toMatch(/the proxy refused.*the proxy answered 407.*HOST_PROXY/)
  expect(proxy.heard()).not.toContain(TOKEN)
  const told = [journey.daemon.output(), JSON.stringify([straight, untrusted, registered, refused])].join(
    '\n',
  )
  expect([...PLANTED, TOKEN].filter((secret) => told.includes(secret))).toEqual([])
})

type Trouble = {
  readonly name: string
  readonly company: NonNullable<Parameters<typeof startCompany>[0]>
  readonly status?: number
  readonly code: number
  readonly hint: RegExp
  readonly detail: RegExp
}

const TROUBLES: readonly Trouble[] = [
  {
    name: 'the bundle is for another host',
    company: { ca: (file) => `127.0.0.1=${file}` },
    code: 20118,
    hint: /HOST_CA.* \/ .*HOST_CA/,
    detail: /^external: through the proxy 127\.0\.0\.1:\d+\n.*certificate/,
  },
  {
    name: 'the proxy does not accept the password',
    company: { proxy: (url) => `*.corp.example=${url.replace('ann:', 'bob:')}` },
    code: 20120,
    hint: /HOST_PROXY.* \/ .*HOST_PROXY/,
    detail: /^external: through the proxy 127\.0\.0\.1:\d+\n.*407/,
  },
  {
    name: 'the proxy forbids the host',
    company: {},
    status: 403,
    code: 20120,
    hint: /HOST_PROXY/,
    detail: /^external: through the proxy 127\.0\.0\.1:\d+\n.*403/,
  },
  {
    name: 'the proxy cannot reach the host',
    company: {},
    status: 502,
    code: 20120,
    hint: /HOST_PROXY/,
    detail: /^external: through the proxy 127\.0\.0\.1:\d+\n.*502/,
  },
  {
    name: 'nothing listens where the proxy should be',
    company: { proxy: () => `*.corp.example=http://ann:planted@127.0.0.1:9` },
    code: 20004,
    hint: /HOST_PROXY/,
    detail: /^external: through the proxy 127\.0\.0\.1:9\n.*Failed to connect/,
  },
  {
    name: 'only a range of addresses is allowed, and nobody here knows where the name leads',
    company: { env: { ALLOWED_HOSTS: '127.0.0.0/8' } },
    code: 20101,
    hint: /ALLOWED_HOSTS/,
    detail: /^external: git\.corp\.example may not be contacted through a proxy/,
  },
]

test.each(TROUBLES)('$name: the answer says what happened and what to do', async (trouble) => {
  await using company = await startCompany(trouble.company)
  const { journey, proxy, inner, outer, outerServer } = company
  await journey.work.commit('on its way')
  await journey.work.push(inner.dir, 'HEAD:refs/heads/main')
  if (trouble.status !== undefined) proxy.failWith(trouble.status)

  const { body } = await journey.daemon.call('POST', '/cerobot/sync/repo/app')

  expect(body).toMatchObject({ code_status: trouble.code, data: null })
  expect(body).toHaveProperty('detail', expect.stringMatching(trouble.detail))
  expect(body).toHaveProperty('hint', expect.stringMatching(trouble.hint))
  expect(outerServer.requests).toEqual([])
  expect(await headOf(outer, 'main')).toBeUndefined()
  const told = `${journey.daemon.output()}${JSON.stringify(body)}`
  expect([...PLANTED, 'ann:planted'].filter((secret) => told.includes(secret))).toEqual([])
})
