import torch

from methods.msma.embedding import GlobalEmbedding


def test_the_embedding_is_the_authors() -> None:
    embedding = GlobalEmbedding(2, (96, 112, 80), features=128, width=512)
    shapes = {name: tuple(weights.shape) for name, weights in embedding.named_parameters()}
    assert shapes["coarse.weight"] == (2, 2, 17, 17, 17)
    assert shapes["coarser.weight"] == (2, 2, 3, 3, 3)
    assert shapes["block.norm_in.weight"] == (6, 7, 5)
    assert shapes["widen.weight"] == (512, 2)
    assert embedding.attend.num_heads == 8
    images = torch.rand(2, 2, 96, 112, 80, generator=torch.Generator().manual_seed(0))
    features = embedding(images)
    assert features.shape == (2, 128)
    assert not torch.allclose(features[0], features[1])
