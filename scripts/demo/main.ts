// `npm run demo`: a real lease, end to end, on this machine.
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import { startWorld, type World } from '../../test/world/world.ts'
import { serveStatic } from '../../web/serve.ts'
import { builtWeb } from '../lib/build-web.ts'
import { makeKey } from '../lib/guest-shell.ts'
import { buildImage } from '../lib/images.ts'
import { type Leftovers, startReaper } from '../lib/leftovers.ts'
import { libvirtMissing, libvirtUp } from '../lib/libvirt-up.ts'
import { makeProgress, type Progress } from '../lib/progress.ts'
import { runLease } from './lease.ts'
import { type DemoOptions, HELP, parseOptions } from './options.ts'
import { addressText, billText, jsonOf, keepText } from './report.ts'

/** Of the last run: what the node's agent thought. */
const LOG_FILE = fileURLToPath(new URL('../../.cache/demo.log', import.meta.url))

type Run = { options: DemoOptions; progress: Progress; leftovers: Leftovers; signal: AbortSignal }

/** Real guests where they can be had; else says why not and goes on with simulated ones. */
const prepareGuests = async ({ options, progress, leftovers, signal }: Run): Promise<string | null> => {
  const missing = options.simulated ? 'simulated guests were asked for' : await libvirtMissing()
  if (missing !== null) {
    progress.say(
      `No real guests: ${missing}. The same flow runs on a simulated hypervisor; nobody can log in to its guests.`,
    )
    return null
  }
  const images = await progress.step('the guest image, built once from Debian packages', () =>
    buildImage('debian-12', { signal, leftovers }),
  )
  await progress.step('libvirt', () => libvirtUp(leftovers))
  return images
}

const openDapp = async (run: Run, world: World) => {
  const root = await builtWeb()
  const { anvil, deployment, keeper } = world
  return serveStatic({
    root,
    port: run.options.port,
    deployment: { ...deployment, rpcUrl: anvil.rpcUrl, keeperUrl: keeper.url },
  })
}

const demo = async (run: Run): Promise<void> => {
  const { options, progress, leftovers, signal } = run
  const imageDir = await prepareGuests(run)
  await using stack = new AsyncDisposableStack()
  const world = await progress.step('chain, contracts, keeper, agent', () =>
    startWorld({
      hypervisor: imageDir === null ? 'simulated' : 'libvirt',
      ...(imageDir === null ? {} : { imageDir }),
      // Billed by the second from the first one, so that the bill below is the plain formula.
      offer: { minCharge: 0 },
      leftovers,
      logFile: LOG_FILE,
    }),
  )
  stack.defer(() => world.close())
  const dapp = stack.use(await progress.step('the dApp', () => openDapp(run, world)))
  progress.say(`  in your browser: ${dapp.url}`)

  const directory = await mkdtemp(join(tmpdir(), 'decloud-demo-'))
  leftovers.add({ kind: 'directory', path: directory })
  const shell = imageDir === null ? null : { directory, key: await makeKey(directory) }
  const result = await runLease(world, progress, shell)

  progress.say(`\nThe bill\n${billText(result)}\n\nAddresses\n${addressText(world, dapp.url)}`)
  if (options.json) process.stdout.write(`${jsonOf(result)}\n`)
  if (result.difference !== 0n || result.left !== 0n || result.withdrawn !== result.bill) {
    throw new DecloudError('books', 'The books do not balance: see the bill above.')
  }
  if (options.keep) {
    progress.say(keepText(world, dapp.url))
    await once(signal, 'abort')
  }
}

const main = async (): Promise<number> => {
  const progress = makeProgress()
  const abort = new AbortController()
  let leftovers: Leftovers | undefined
  let code = 0
  const interrupted = new Promise<number>((resolve) => {
    for (const [name, exit] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      process.once(name, () => {
        progress.say('stopping: removing everything that this run made')
        abort.abort()
        resolve(exit)
      })
    }
  })
  try {
    const options = parseOptions(process.argv.slice(2))
    if (options.help) {
      console.log(HELP)
      return 0
    }
    await rm(LOG_FILE, { force: true })
    leftovers = await startReaper()
    const run = { options, progress, leftovers, signal: abort.signal }
    code = await Promise.race([demo(run).then(() => 0), interrupted])
    // After --keep both settle: Ctrl-C is how that ends, and it is a good end.
    if (abort.signal.aborted && options.keep && code === 130) code = 0
  } catch (error) {
    progress.say(`${sentenceOf(error)}\nThe log of the node's agent: ${LOG_FILE}`)
    code = error instanceof DecloudError && error.code === 'options' ? 2 : 1
  }
  try {
    await leftovers?.reap()
  } catch (error) {
    progress.say(sentenceOf(error))
    code ||= 1
  }
  return code
}

// An interrupted flow may still be waiting for something that is gone by now: the code decides, not the open handles.
process.exit(await main())
