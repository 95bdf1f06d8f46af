import { Argument, Command, Option } from 'commander';
import { describe, expect, test } from '@jest/globals';
import { complete, completionText, type CompletionSources } from './completion.js';

const asked: [string, Readonly<Record<string, string>>][] = [];
const sources: CompletionSources = {
  words: (name, given) => {
    asked.push([name, given]);
    return Promise.resolve({ node: ['node-a', 'node-b'], restart: ['first', 'second'] }[name] ?? []);
  },
};

function program(): Command {
  const made = new Command('panelet')
    .option('--node <name>', 'which node')
    .option('-n, --namespace <name>', 'where')
    .option('--ca <file>', 'authorities')
    .option('--tls', 'use TLS')
    .addOption(new Option('--secret').hideHelp());
  made.command('attach [panel]').description('a session').option('--resume', 'the last');
  made.command('abort <restart>').description('call it off');
  made.command('completion').addArgument(new Argument('<shell>').choices(['bash', 'zsh']));
  return made;
}

async function words(...line: string[]): Promise<string[]> {
  const { candidates } = await complete(program(), line, sources);
  return candidates.map(({ word }) => word);
}

describe('completion', () => {
  test('knows the commands, and drops those that begin otherwise', async () => {
    expect(await words('')).toEqual(['attach', 'abort', 'completion']);
    expect(await words('a')).toEqual(['attach', 'abort']);
  });

  test('knows the options of a command and of the program, but hidden ones', async () => {
    expect(await words('attach', '-')).toEqual(['--resume', '--node', '--namespace', '--ca', '--tls', '--help']);
    expect(await words('--n')).toEqual(['--node', '--namespace']);
  });

  test('asks the cluster for the value of an option, in both forms, as the options before say', async () => {
    expect(await words('attach', '-n', 'elsewhere', '--node', 'node-')).toEqual(['node-a', 'node-b']);
    expect(asked.at(-1)).toEqual(['node', { namespace: 'elsewhere' }]);
    expect(await words('attach', '--namespace=other', '--node=node-a')).toEqual(['--node=node-a']);
    expect(asked.at(-1)).toEqual(['node', { namespace: 'other' }]);
  });

  test('asks for an argument by its name, and for no more arguments than there are', async () => {
    expect(await words('abort', '--node', 'node-a', '--tls', 's')).toEqual(['second']);
    expect(await words('abort', 'first', '')).toEqual([]);
    expect(await words('completion', '')).toEqual(['bash', 'zsh']);
  });

  test('says nothing about a command after the dashes, and leaves files to the shell', async () => {
    expect(await words('attach', '--', '')).toEqual([]);
    expect(completionText(await complete(program(), ['attach', '--ca', ''], sources))).toBe(':0\n');
  });

  test('writes what kubectl reads: words, descriptions after a tab, and no files', async () => {
    expect(completionText(await complete(program(), ['a'], sources))).toBe(
      'attach\ta session\nabort\tcall it off\n:4\n',
    );
  });
});
