import { AgentError } from '../../lib/errors.ts'
import { makeVerb } from '../verb.ts'

/** Of an installed node it is root's and the installer's: the command that install.sh puts in place takes it over. */
export const upgrade = makeVerb({
  about: `Runs the installer of that release: it copies configuration and databases, switches, waits until the new release says
that it is well, and switches back when it does not. Guests are not touched. Takes also what install.sh takes:
--health-deadline, --no-packages, --dry-run.`,
  examples: [
    'decloud-node upgrade --release decloud-node-0.2.0.tar.gz --check',
    'decloud-node upgrade --release decloud-node-0.2.0.tar.gz --sha256 6f1c…',
    'decloud-node upgrade --rollback',
  ],
  options: {
    release: { type: 'string', argument: 'FILE', about: 'the release, as `install.sh --pack` makes it' },
    from: { type: 'string', argument: 'CHECKOUT', about: 'instead of it: a checkout, built with npm' },
    sha256: { type: 'string', argument: 'HEX', about: 'refuse a release file with another checksum' },
    check: { type: 'boolean', about: 'only say whether it is another release than the one that runs' },
    rollback: { type: 'boolean', about: 'back to the release before' },
  },
  run: () => {
    throw new AgentError(
      'not-installed',
      'This agent was not put in place by the installer: there is nothing to upgrade.',
      {
        hint: 'A checkout is upgraded with git; agent/install/install.sh --from . makes it an installation.',
      },
    )
  },
})
