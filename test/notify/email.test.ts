import { once } from 'node:events'
import { createServer } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { expect, test } from 'vitest'
import { createCertificate } from '../rig/certificate.ts'
import type { Certificate } from '../rig/certificate.ts'
import { startMailServer } from '../rig/smtp-server.ts'
import type { MailServer } from '../rig/smtp-server.ts'
import { createNotifyWorld, noticeOf, unreachable } from './world.ts'

const LOGIN = { user: 'reposync', password: 'mail password' }

function configFor(server: Pick<MailServer, 'port'>, changes: Readonly<Record<string, unknown>> = {}) {
  return {
    smtp_host: '127.0.0.1',
    smtp_port: server.port,
    from_address: 'reposync@example.com',
    from_name: '同步服务',
    to_addresses: ['ops@example.com', 'dev@example.com'],
    use_tls: false,
    ...changes,
  }
}

test('a mail goes to every address, with login, readable subject and an id that stays', async () => {
  await using world = await createNotifyWorld()
  await using server = await startMailServer({ login: LOGIN })
  server.failWith({ code: 451, words: '4.7.1 greylisted, try again' })
  const { user: username, password } = LOGIN
  const channel = await world.addChannel('email', configFor(server, { username, password }))
  await world.report(unreachable)
  await world.send()
  const [refused] = await world.deliveriesOf(channel)
  server.failWith(undefined)

  await world.pass(60_000)

  const [mail] = server.mails
  const [delivery] = await world.deliveriesOf(channel)
  expect(refused).toMatchObject({ status: 'waiting', code: '451', answer: '451 4.7.1 greylisted, try again' })
  expect(server.mails).toHaveLength(1)
  expect(mail).toMatchObject({
    from: 'reposync@example.com',
    to: ['ops@example.com', 'dev@example.com'],
    user: LOGIN.user,
  })
  expect(delivery).toMatchObject({ status: 'sent', code: '250', attempts: 2 })
  expect(headerOf(mail?.text, 'message-id')).toBe(`<${delivery?.messageId ?? ''}@reposync>`)
  expect(headerOf(mail?.text, 'auto-submitted')).toBe('auto-generated')
  expect(decodeWords(headerOf(mail?.text, 'subject'))).toBe('[失败] 同步任务 app / Sync failed')
  expect(decodeWords(headerOf(mail?.text, 'from'))).toBe('同步服务 <reposync@example.com>')
  expect(bodyOf(mail?.text)).toContain('原因 Reason: 连接超时 [20004]')
})

test('a value cannot add a header, a recipient or a second message', async () => {
  await using world = await createNotifyWorld()
  await using server = await startMailServer()
  const evil = 'app\r\nBcc: thief@example.com\r\n\r\n.\r\nMAIL FROM:<thief@example.com>'
  await world.addChannel('email', configFor(server))

  await world.report(noticeOf('sync_failure', { errorMessage: evil }, { subjectName: evil }))
  await world.send()

  const [mail] = server.mails
  expect(server.mails).toHaveLength(1)
  expect(mail?.to).toEqual(['ops@example.com', 'dev@example.com'])
  expect(headerOf(mail?.text, 'bcc')).toBeUndefined()
  expect(decodeWords(headerOf(mail?.text, 'subject'))).toContain('app Bcc: thief@example.com')
})

test('a login that is refused is said in the server’s words, without the password', async () => {
  await using world = await createNotifyWorld()
  await using server = await startMailServer({ login: LOGIN })
  const channel = await world.addChannel(
    'email',
    configFor(server, { username: LOGIN.user, password: 'planted-mail-password' }),
  )

  await world.report(unreachable)
  await world.send()

  const [delivery] = await world.deliveriesOf(channel)
  expect(delivery).toMatchObject({ status: 'waiting', code: '535', answer: '535 5.7.8 no login with ***' })
  expect(world.logged()).not.toContain('planted-mail-password')
})

test('an address that the server does not know is told, and the mail still goes to the others', async () => {
  await using world = await createNotifyWorld()
  await using server = await startMailServer({ unknown: ['dev@example.com'] })
  const channel = await world.addChannel('email', configFor(server))

  await world.report(unreachable)
  await world.send()

  expect(server.mails).toMatchObject([{ to: ['ops@example.com'] }])
  const [delivery] = await world.deliveriesOf(channel)
  expect(delivery?.status).toBe('sent')
  expect(delivery?.answer).toContain('not taken for dev@example.com')
})

const MODES = ['tls', 'starttls'] as const

test.for(MODES)('with %s a mail goes encrypted to a server that can prove itself', async (mode) => {
  const certificate = createCertificate('mail.example')
  using _trust = trust(certificate)
  await using world = await createNotifyWorld({ lookup: () => Promise.resolve(['127.0.0.1']) })
  await using server = await startMailServer({
    login: LOGIN,
    tls: { ...certificate, fromStart: mode === 'tls' },
  })
  const { user: username, password } = LOGIN
  const changes = { smtp_host: 'mail.example', username, password, use_tls: true, tls_mode: mode }
  await world.addChannel('email', configFor(server, changes))

  await world.report(unreachable)
  await world.send()

  expect(server.mails).toMatchObject([{ user: LOGIN.user, isEncrypted: true }])
})

test.for(MODES)('with %s no password goes to a server that nobody vouches for', async (mode) => {
  await using world = await createNotifyWorld({ lookup: () => Promise.resolve(['127.0.0.1']) })
  const certificate = createCertificate('mail.example')
  await using server = await startMailServer({
    login: LOGIN,
    tls: { ...certificate, fromStart: mode === 'tls' },
  })
  const { user: username, password } = LOGIN
  const changes = { smtp_host: 'mail.example', username, password, use_tls: true, tls_mode: mode }
  const channel = await world.addChannel('email', configFor(server, changes))

  await world.report(unreachable)
  await world.send()

  expect(server.mails).toEqual([])
  expect(server.logins).toEqual([])
  expect(await world.deliveriesOf(channel)).toMatchObject([{ status: 'waiting', attempts: 1 }])
})

test('TLS that is wanted and not offered stops the mail before the login', async () => {
  await using world = await createNotifyWorld()
  await using server = await startMailServer({ login: LOGIN })
  const { user: username, password } = LOGIN
  const channel = await world.addChannel('email', configFor(server, { username, password, use_tls: true }))

  await world.report(unreachable)
  await world.send()

  expect(server.mails).toEqual([])
  expect(server.logins).toEqual([])
  expect(await world.deliveriesOf(channel)).toMatchObject([{ status: 'waiting', attempts: 1 }])
})

test('a server that lets us wait for ever costs 20 seconds and nobody else', async () => {
  await using world = await createNotifyWorld()
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const address = silent.address()
  const port = address === null || typeof address === 'string' ? 0 : address.port
  const channel = await world.addChannel('email', configFor({ port }))
  await world.report(unreachable)
  const connected = once(silent, 'connection')
  const sending = world.send()
  await connected

  // Nothing else can end the wait.
  while ((await world.deliveriesOf(channel))[0]?.answer === null) {
    world.clock.advance(1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await sending
  silent.close()

  const [delivery] = await world.deliveriesOf(channel)
  expect(delivery).toMatchObject({ status: 'waiting', answer: '127.0.0.1 took longer than 20000 ms' })
})

function trust({ cert }: Certificate): Disposable {
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, cert])
  return { [Symbol.dispose]: () => setDefaultCACertificates(before) }
}

function headerOf(text: string | undefined, name: string): string | undefined {
  const [head = ''] = (text ?? '').split('\r\n\r\n')
  const lines = head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n')
  return lines
    .find((line) => line.toLowerCase().startsWith(`${name}:`))
    ?.slice(name.length + 1)
    .trim()
}

/** RFC 2047. */
function decodeWords(header: string | undefined): string {
  const joined = (header ?? '').replaceAll(/\?=\s+=\?/g, '?==?')
  const bytes: Buffer[] = []
  for (const [, encoding = '', word = '', plain = ''] of joined.matchAll(
    /=\?utf-8\?([BQ])\?([^?]*)\?=|([^=]+|=)/gi,
  )) {
    if (plain !== '') bytes.push(Buffer.from(plain))
    else if (encoding.toUpperCase() === 'B') bytes.push(Buffer.from(word, 'base64'))
    else bytes.push(quoted(word.replaceAll('_', ' ')))
  }
  return Buffer.concat(bytes).toString()
}

function quoted(text: string): Buffer {
  const parts = text.match(/=[0-9A-F]{2}|[^=]/g) ?? []
  return Buffer.concat(
    parts.map((part) => (part.startsWith('=') ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part))),
  )
}

function bodyOf(text: string | undefined): string {
  const [, ...rest] = (text ?? '').split('\r\n\r\n')
  const body = rest.join('\r\n\r\n')
  return headerOf(text, 'content-transfer-encoding') === 'base64'
    ? Buffer.from(body, 'base64').toString()
    : quoted(body.replaceAll(/=\r?\n/g, '')).toString()
}
