namespace McpFilesServer.Tests;
