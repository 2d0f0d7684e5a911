import { Field } from '../../../ui/field.tsx'
import type { DeployForm } from '../hooks/use-deploy-form.ts'

export const AccessStep = ({ form }: { form: DeployForm }) => (
  <section className="card stack" aria-labelledby="access-title">
    <h2 id="access-title">Access</h2>
    <Field
      label="SSH public key"
      problem={form.sshText === '' ? undefined : form.ssh.problem}
      help={
        form.ssh.key === undefined ? (
          <>
            The line in <code>~/.ssh/id_ed25519.pub</code>. <code>ssh-keygen -t ed25519</code> makes one.
          </>
        ) : (
          <>
            <span className="mono">{form.ssh.key.fingerprint}</span>, remembered in this browser
          </>
        )
      }
    >
      {(control) => (
        <textarea
          {...control}
          className="input"
          rows={3}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          placeholder="ssh-ed25519 AAAA… you@laptop"
          value={form.sshText}
          onChange={(event) => form.setSshText(event.target.value)}
        />
      )}
    </Field>
    <p className="small muted">
      Your key is encrypted to this node before it leaves the browser. A node's operator can read the memory
      of the machines it hosts: keep on a VM only what you would entrust to its host.
    </p>
  </section>
)
